x1.c
