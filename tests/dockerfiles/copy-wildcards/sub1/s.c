sub1/s.c
