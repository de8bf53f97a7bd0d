"""Images of Dockerfiles: a text and a folder are sent to the engine, and its words are read.

``options`` is the line of %%dockerfile, ``plan`` what the text is going to do, ``context`` the
folder, as the docker command sends it; ``progress`` reads what the engine tells, ``failure`` says
what went wrong and where; ``build`` puts them together.

Knows: nothing by itself. Does not know: IPython, which engine answers.
"""

from __future__ import annotations
