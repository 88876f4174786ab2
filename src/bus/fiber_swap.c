/* SPDX-License-Identifier: MIT */
#include "fiber_swap.h"

/* Where a fresh context begins: calls the entry that fiber_prepare() left in callee-saved registers. */
void fiber_start(void);

#if defined(__x86_64__)
/* System V ABI: rbx, rbp, r12..r15, and the control words of SSE and x87. */
__asm__(".text\n"
	".globl fiber_swap\n"
	".hidden fiber_swap\n"
	".type fiber_swap,@function\n"
	"fiber_swap:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	subq $8, %rsp\n"
	"	stmxcsr (%rsp)\n"
	"	fnstcw 4(%rsp)\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	ldmxcsr (%rsp)\n"
	"	fldcw 4(%rsp)\n"
	"	addq $8, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size fiber_swap,.-fiber_swap\n"
	".hidden fiber_start\n"
	".globl fiber_start\n"
	".type fiber_start,@function\n"
	"fiber_start:\n"
	"	movq %r12, %rdi\n"
	"	callq *%r13\n"
	"	ud2\n"
	".size fiber_start,.-fiber_start\n");

void *fiber_prepare(void *top, void (*entry)(void *arg), void *arg)
{
	uint64_t *sp = (uint64_t *)((uintptr_t)top & ~(uintptr_t)15);

	*--sp = (uint64_t)(uintptr_t)fiber_start;
	*--sp = 0;			    /* rbp: where backtraces end */
	*--sp = 0;			    /* rbx */
	*--sp = (uint64_t)(uintptr_t)arg;   /* r12 */
	*--sp = (uint64_t)(uintptr_t)entry; /* r13 */
	*--sp = 0;			    /* r14 */
	*--sp = 0;			    /* r15 */
	*--sp = 0x037f00001f80;		    /* the ABI's initial x87 control word and mxcsr */
	return sp;
}
#elif defined(__aarch64__)
/* AAPCS64: x19..x30, d8..d15. */
__asm__(".text\n"
	".globl fiber_swap\n"
	".hidden fiber_swap\n"
	".type fiber_swap,%function\n"
	"fiber_swap:\n"
	"	sub sp, sp, #160\n"
	"	stp x19, x20, [sp, #0]\n"
	"	stp x21, x22, [sp, #16]\n"
	"	stp x23, x24, [sp, #32]\n"
	"	stp x25, x26, [sp, #48]\n"
	"	stp x27, x28, [sp, #64]\n"
	"	stp x29, x30, [sp, #80]\n"
	"	stp d8, d9, [sp, #96]\n"
	"	stp d10, d11, [sp, #112]\n"
	"	stp d12, d13, [sp, #128]\n"
	"	stp d14, d15, [sp, #144]\n"
	"	mov x9, sp\n"
	"	str x9, [x0]\n"
	"	mov sp, x1\n"
	"	ldp x19, x20, [sp, #0]\n"
	"	ldp x21, x22, [sp, #16]\n"
	"	ldp x23, x24, [sp, #32]\n"
	"	ldp x25, x26, [sp, #48]\n"
	"	ldp x27, x28, [sp, #64]\n"
	"	ldp x29, x30, [sp, #80]\n"
	"	ldp d8, d9, [sp, #96]\n"
	"	ldp d10, d11, [sp, #112]\n"
	"	ldp d12, d13, [sp, #128]\n"
	"	ldp d14, d15, [sp, #144]\n"
	"	add sp, sp, #160\n"
	"	ret\n"
	".size fiber_swap,.-fiber_swap\n"
	".hidden fiber_start\n"
	".globl fiber_start\n"
	".type fiber_start,%function\n"
	"fiber_start:\n"
	"	mov x0, x19\n"
	"	blr x20\n"
	"	brk #0\n"
	".size fiber_start,.-fiber_start\n");

void *fiber_prepare(void *top, void (*entry)(void *arg), void *arg)
{
	uint64_t *sp = (uint64_t *)((uintptr_t)top & ~(uintptr_t)15) - 20;

	for (int i = 0; i < 20; i++)
		sp[i] = 0;
	sp[0] = (uint64_t)(uintptr_t)arg;	   /* x19 */
	sp[1] = (uint64_t)(uintptr_t)entry;	   /* x20 */
	sp[11] = (uint64_t)(uintptr_t)fiber_start; /* x30 */
	return sp;
}
#else
#error "fiber_swap: write the switch for this architecture (callee-saved registers, stack pointer, return)"
#endif
