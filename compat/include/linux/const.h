/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_CONST_H
#define _LINUX_CONST_H

#define _AC_1(x, suffix) (x##suffix)
#define _AC(x, suffix) _AC_1(x, suffix)
#define _UL(x) _AC(x, UL)
#define _ULL(x) _AC(x, ULL)
#define UL(x) _UL(x)
#define ULL(x) _ULL(x)

#endif
