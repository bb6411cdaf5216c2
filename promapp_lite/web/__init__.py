"""The Flask side: each view proves its input, calls one store function and answers."""
