"""Cases of the stages, word by word: plain functions, so that the mutation run can call them too."""
