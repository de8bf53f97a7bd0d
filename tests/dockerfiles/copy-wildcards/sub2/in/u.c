sub2/in/u.c
