"""The algorithm: the loop, when it stops, how it jumps ahead, what a run leaves behind, and EM part by part."""
