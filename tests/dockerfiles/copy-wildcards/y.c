y.c
