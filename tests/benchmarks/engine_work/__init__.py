"""The engine at work: problems with a hand-written floor each, and the peers that solve the same ones."""
