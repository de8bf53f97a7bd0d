"""Building images: a Dockerfile and a context become an image.

    text     dockerfile (lines, syntax, grammar, heredocs), words, ignore
    config   instructions (arguments, health_check, ports): what changes besides files

Knows: nothing by itself. Does not know: HTTP.
"""
