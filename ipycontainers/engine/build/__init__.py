"""Building images: a Dockerfile and a context become an image.

    text     dockerfile (lines, syntax, grammar, heredocs), words, ignore
    config   instructions (arguments, health_check, ports): what changes besides files
    files    context, origins (checksums), copying (upper), workspace (settling, snapshot, layering)
    steps    running, cache, plan, stage, builder

Knows: nothing by itself. Does not know: HTTP.
"""
