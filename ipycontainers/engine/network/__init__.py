"""How containers are reached: published ports.

``ports`` holds the rules, ``forwarder`` is a process beside a container that has any.
"""
