"""Result files of runs on real boards: what they must hold to count, and what they prove."""
