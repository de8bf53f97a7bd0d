from __future__ import annotations

import greeting

print(greeting.hello("world"))
