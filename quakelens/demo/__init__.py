"""The demonstration: a drawn sample, and servers on this machine that stand in for the networks."""
