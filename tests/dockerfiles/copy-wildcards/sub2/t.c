sub2/t.c
