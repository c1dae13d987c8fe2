"""What is wrong with the loop, in words, and what to type about it: a module for each source."""
