"""What a Python session runs inside its container: sent in as text, nothing is installed there.

Two processes. The multiplexer owns the container's standard streams and never runs a cell;
the interpreter, its child, does nothing else. So a cell that hangs, writes to any descriptor
or kills its interpreter does not take the session with it.

    kernel ── attach ── multiplexer ══ socket ══ interpreter ── the cell and its processes
                             ╚═════ pipes ═════════╝      fresh ones for each cell

``wire`` is the frames, ``multiplexer`` the first process, ``cells`` the interpreter,
``outputs`` what a cell prints, ``shown`` how a value looks, ``figures`` what is done to modules
that a cell imports.

Every module but this one runs on the image's Python, which is 3.6 or later, with the
standard library alone: annotations that 3.6 cannot evaluate are quoted. ``wire`` runs on
both sides.

Knows: Python, processes. Does not know: engines, Jupyter's messages, what a value is made of.
"""
