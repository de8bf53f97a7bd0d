"""This folder as one text, for a Python that has nothing of ours.

Knows: the files of this folder. Does not know: how text gets into a container.
"""

from pathlib import Path

PACKAGE = "ipycontainers_inside"

# In the order in which they import each other at their beginning; "" is the package.
MODULES = ("tree", "arrays", "paths", "pandas", "polars", "arrow", "tables", "", "once")

LOADER = """\
import sys as _sys, types as _types

def _load(package, texts):
    modules = {}
    for name, _ in sorted(texts):
        whole = package + "." + name if name else package
        modules[name] = _sys.modules[whole] = _types.ModuleType(whole)
        modules[name].__package__ = package
        setattr(modules[""], name or "__path__", modules[name] if name else [])
    for name, text in texts:
        exec(compile(text, "<%s %s>" % (package, name), "exec"), modules[name].__dict__)
    return modules[""]

"""


def source() -> str:
    """Text for Python 3.6 and later; run, it defines ``arrive``, ``leave``, ``Refused``."""
    folder = Path(__file__).parent
    files = [(name, folder / ((name or "__init__") + ".py")) for name in MODULES]
    texts = [(name, file.read_text(encoding="utf-8")) for name, file in files]
    names = "arrive, leave, Refused = _inside.arrive, _inside.leave, _inside.Refused\n"
    return LOADER + f"_inside = _load({PACKAGE!a}, {texts!a})\n" + names
