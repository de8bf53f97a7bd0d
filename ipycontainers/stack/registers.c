/* Beneath linux.uml: ptrace(2) that reads and writes a process's registers whole.
 *
 * The guest's kernel has room for the first 2,696 bytes of them (struct _xstate). On a processor
 * with more, as AMX, PTRACE_SETREGSET of a part is refused with EFAULT, and the guest dies with
 * its first process. Here the rest is what it was. */
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define GET 0x4204
#define SET 0x4205
#define XSTATE ((void *)0x202)

static char whole[1 << 16] __attribute__((aligned(64)));

static long registers(int request, int pid, struct iovec *asked)
{
	struct iovec all = {whole, sizeof whole};
	if (syscall(SYS_ptrace, GET, pid, XSTATE, &all) < 0)
		return -1;
	if (all.iov_len <= asked->iov_len)
		return syscall(SYS_ptrace, request, pid, XSTATE, asked);
	if (request == GET) {
		memcpy(asked->iov_base, whole, asked->iov_len);
		return 0;
	}
	memcpy(whole, asked->iov_base, asked->iov_len);
	return syscall(SYS_ptrace, SET, pid, XSTATE, &all);
}

long ptrace(int request, ...)
{
	va_list words;
	va_start(words, request);
	int pid = va_arg(words, int);
	void *address = va_arg(words, void *);
	void *data = va_arg(words, void *);
	va_end(words);
	if ((request == GET || request == SET) && address == XSTATE)
		return registers(request, pid, data);
	if (request < 1 || request > 3)
		return syscall(SYS_ptrace, request, pid, address, data);
	/* PEEK: glibc's answer is the word itself. */
	long word, answer = syscall(SYS_ptrace, request, pid, address, &word);
	return answer < 0 ? answer : word;
}
