# SPDX-License-Identifier: Apache-2.0
#
# Checks for what the XDP offload is built with.  Each one ends configure with
# the name of the Debian package, or the option, that mends the failure.

# XDP_REQUIRE_PROG(VARIABLE, PROGRAMS, DEBIAN-PACKAGE)
# ----------------------------------------------------
# Sets VARIABLE to the first of PROGRAMS that is in the path.
AC_DEFUN([XDP_REQUIRE_PROG],
  [AC_CHECK_PROGS([$1], [$2])
   AS_IF([test "x$$1" = x],
     [AC_MSG_ERROR([$2 not found; install the Debian package $3])])])

# XDP_REQUIRE_LIB(NAME, HEADER, EXPRESSION, DEBIAN-PACKAGE)
# ---------------------------------------------------------
# Checks that a program that includes HEADER and evaluates EXPRESSION, an
# integer, can be linked with -lNAME.
AC_DEFUN([XDP_REQUIRE_LIB],
  [AC_MSG_CHECKING([for lib$1])
   xdp_save_LIBS=$LIBS
   LIBS="-l$1 $LIBS"
   AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <$2>]], [[return ($3) == 0]])],
     [AC_MSG_RESULT([yes])],
     [AC_MSG_RESULT([no])
      AC_MSG_ERROR([lib$1 or its header $2 is unusable (config.log says why);
    install the Debian package $4, or say where it is with CPPFLAGS=-I... and LDFLAGS=-L...])])
   LIBS=$xdp_save_LIBS])

# XDP_CHECK_LIBBPF_VERSION
# ------------------------
AC_DEFUN([XDP_CHECK_LIBBPF_VERSION],
  [AC_MSG_CHECKING([whether libbpf is 1.0 or newer])
   AC_COMPILE_IFELSE([AC_LANG_PROGRAM(
       [[#include <bpf/libbpf.h>
         #if LIBBPF_MAJOR_VERSION < 1
         #error "too old"
         #endif]])],
     [AC_MSG_RESULT([yes])],
     [AC_MSG_RESULT([no])
      AC_MSG_ERROR([libbpf 1.0 or newer is needed; Debian 12 and later have it in
    the package libbpf-dev, another one is found with CPPFLAGS=-I... and LDFLAGS=-L...])])])

# XDP_CHECK_BPF_COMPILER
# ----------------------
# Sets CLANG, a clang that compiles for BPF, and BPF_CPPFLAGS, what it needs to
# find the kernel's headers.
AC_DEFUN([XDP_CHECK_BPF_COMPILER],
  [AC_ARG_VAR([CLANG], [clang, to compile the BPF programs])
   AC_ARG_VAR([BPF_CPPFLAGS], [preprocessor options for the BPF programs])
   AC_CHECK_PROGS([CLANG], [clang clang-19 clang-18 clang-17 clang-16 dnl
clang-15 clang-14])
   AS_IF([test "x$CLANG" = x],
     [AC_MSG_ERROR([clang not found; install the Debian package clang, or give
    CLANG=/path/to/clang])])

   # Debian has asm/types.h in a directory by machine, which clang does not
   # search when it compiles for BPF.  The C compiler knows where it is.
   AC_MSG_CHECKING([for the directory of asm/types.h])
   AC_LANG_CONFTEST([AC_LANG_SOURCE([[#include <asm/types.h>]])])
   xdp_asm_dir=`$CC $CPPFLAGS -E conftest.$ac_ext 2>&5 |
     sed -n '/^# .*\/asm\/types\.h"/{
       s|^[[^"]]*"\(.*\)/asm/types\.h".*|\1|p
       q
     }'`
   rm -f conftest.$ac_ext
   AS_IF([test "x$xdp_asm_dir" = x],
     [AC_MSG_RESULT([not found])
      AC_MSG_ERROR([asm/types.h not found; install the Debian package
    linux-libc-dev])])
   AC_MSG_RESULT([$xdp_asm_dir])
   BPF_CPPFLAGS="$BPF_CPPFLAGS -I$xdp_asm_dir"

   AC_MSG_CHECKING([whether $CLANG compiles for BPF])
   cat >conftest.bpf.c <<'XDP_EOF'
int f(int x) { return x + 1; }
XDP_EOF
   AS_IF([$CLANG -O2 -g -target bpf -mcpu=v3 -c conftest.bpf.c -o conftest.o dnl
>&5 2>&1],
     [AC_MSG_RESULT([yes])],
     [AC_MSG_RESULT([no])
      rm -f conftest.bpf.c conftest.o
      AC_MSG_ERROR([$CLANG cannot compile with "-target bpf -mcpu=v3" (config.log
    says why); install the Debian package clang, or give CLANG=/path/to/clang])])

   AC_MSG_CHECKING([whether XDP programs can be compiled])
   cat >conftest.bpf.c <<'XDP_EOF'
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
SEC("xdp") int
f(struct xdp_md *ctx)
{
    return (long) ctx->data + ETH_HLEN > (long) ctx->data_end
           ? XDP_DROP : XDP_PASS;
}
XDP_EOF
   AS_IF([$CLANG -O2 -g -target bpf -mcpu=v3 $BPF_CPPFLAGS -c conftest.bpf.c dnl
-o conftest.o >&5 2>&1],
     [AC_MSG_RESULT([yes])],
     [AC_MSG_RESULT([no])
      rm -f conftest.bpf.c conftest.o
      AC_MSG_ERROR([the headers for BPF programs are unusable (config.log says why);
    install the Debian packages libbpf-dev and linux-libc-dev, or say where
    they are with BPF_CPPFLAGS=-I...])])
   rm -f conftest.bpf.c conftest.o])

# XDP_CHECK_BPF_LINKER
# --------------------
# Sets BPFTOOL, a bpftool that links BPF objects, which it has done since Linux
# 5.13.  To be called after XDP_CHECK_BPF_COMPILER.
AC_DEFUN([XDP_CHECK_BPF_LINKER],
  [AC_ARG_VAR([BPFTOOL], [bpftool, to link the BPF programs])
   AC_PATH_PROGS([BPFTOOL], [bpftool], [], [$PATH:/usr/sbin:/sbin])
   AS_IF([test "x$BPFTOOL" = x],
     [AC_MSG_ERROR([bpftool not found; install the Debian package bpftool, or give
    BPFTOOL=/path/to/bpftool])])
   AC_MSG_CHECKING([whether $BPFTOOL links BPF objects])
   cat >conftest.bpf.c <<'XDP_EOF'
int f(int x) { return x + 1; }
XDP_EOF
   AS_IF([$CLANG -O2 -g -target bpf -mcpu=v3 -c conftest.bpf.c -o conftest.o dnl
>&5 2>&1 && $BPFTOOL gen object conftest.linked.o conftest.o >&5 2>&1],
     [AC_MSG_RESULT([yes])],
     [AC_MSG_RESULT([no])
      rm -f conftest.bpf.c conftest.o conftest.linked.o
      AC_MSG_ERROR(["$BPFTOOL gen object" fails (config.log says why); install the
    Debian package bpftool, or give BPFTOOL=/path/to/bpftool, 5.13 or newer])])
   rm -f conftest.bpf.c conftest.o conftest.linked.o])

# XDP_CHECK_OVS_SOURCE
# --------------------
# Sets OVS_SOURCE, OVS_VERSION, and OVS_SERIES, the directory of the patches for
# that version ("" without the offload).
AC_DEFUN([XDP_CHECK_OVS_SOURCE],
  [AC_ARG_WITH([ovs-source],
     [AS_HELP_STRING([--with-ovs-source=TARBALL-OR-DIR],
        [the Open vSwitch sources to build, a tarball or a directory
         @<:@what the Debian package openvswitch-source installed in
         /usr/src/openvswitch@:>@])],
     [OVS_SOURCE=$withval],
     [# Debian 12 has a tarball in this directory, later ones the sources.
      OVS_SOURCE=/usr/src/openvswitch
      AS_IF([test -e "$OVS_SOURCE/openvswitch.tar.gz"],
        [OVS_SOURCE=$OVS_SOURCE/openvswitch.tar.gz])])
   AC_MSG_CHECKING([for the Open vSwitch sources])
   AS_CASE([$OVS_SOURCE],
     [yes | no | ""],
       [AC_MSG_ERROR([--with-ovs-source needs a tarball or a directory])],
     [/*], [],
     [OVS_SOURCE=`pwd`/$OVS_SOURCE])
   AS_IF([test ! -e "$OVS_SOURCE"],
     [AC_MSG_RESULT([not found])
      AC_MSG_ERROR([$OVS_SOURCE does not exist; install the Debian
    package openvswitch-source, or give --with-ovs-source=TARBALL-OR-DIR])])
   OVS_VERSION=`"$srcdir/utilities/ovs-tree" version "$OVS_SOURCE" dnl
2>&5`
   AS_IF([test "x$OVS_VERSION" = x],
     [AC_MSG_RESULT([unusable])
      AC_MSG_ERROR([$OVS_SOURCE is not an Open vSwitch
    source tree or a tarball of one; install the Debian package
    openvswitch-source, or give --with-ovs-source=TARBALL-OR-DIR])])
   AS_IF([test -e "$OVS_SOURCE/config.status"],
     [AC_MSG_RESULT([unusable])
      AC_MSG_ERROR([$OVS_SOURCE has been built in; run
    "make distclean" there, or give a fresh tree to --with-ovs-source])])
   AC_MSG_RESULT([$OVS_SOURCE, version $OVS_VERSION])

   OVS_SERIES=
   AS_IF([test "$enable_xdp_offload" = yes],
     [OVS_SERIES=ovs-`AS_ECHO(["$OVS_VERSION"]) |
        sed 's/^\([[0-9]]*\.[[0-9]]*\).*/\1/'`
      AC_MSG_CHECKING([for the patches to Open vSwitch $OVS_VERSION])
      AS_IF([test ! -f "$srcdir/patches/$OVS_SERIES/series"],
        [AC_MSG_RESULT([none])
         xdp_known=`cd "$srcdir/patches" && echo ovs-*/series |
           sed 's|ovs-||g; s|/series||g; s| |, |g'`
         AC_MSG_ERROR([there are no patches to Open vSwitch $OVS_VERSION, but to: $xdp_known;
    give sources of such a version to --with-ovs-source (the package
    openvswitch-source is 3.1 in Debian 12, 3.5 in Debian 13), or
    --disable-xdp-offload])])
      AC_MSG_RESULT([patches/$OVS_SERIES])])
   AC_SUBST([OVS_SOURCE])
   AC_SUBST([OVS_VERSION])
   AC_SUBST([OVS_SERIES])])

# XDP_CHECK_HASH
# --------------
# Warns if the options of the compiler, our own or those that OVS takes from
# DPDK, give OVS a hash that the BPF object does not have.
AC_DEFUN([XDP_CHECK_HASH],
  [AC_MSG_CHECKING([whether XDP can take the hashes of this build])
   xdp_save_CFLAGS=$CFLAGS
   AS_CASE([$with_dpdk],
     ["" | no], [],
     [CFLAGS="$CFLAGS `$PKG_CONFIG --cflags libdpdk 2>&5`"])
   AC_COMPILE_IFELSE([AC_LANG_PROGRAM(
       [[#if defined __SSE4_2__ && defined __x86_64__
         #error "CRC32"
         #elif defined __ARM_FEATURE_CRC32 && defined __aarch64__
         #error "CRC32"
         #endif]])],
     [AC_MSG_RESULT([yes])],
     [AC_MSG_RESULT([no])
      AC_MSG_WARN([Open vSwitch would take its hashes with the CRC32 instructions of
    this processor, which XDP does not have.  So select groups, bonds in mode
    balance-tcp, and what goes into VXLAN and Geneve tunnels would stay in
    userspace.  Unless that does not matter, configure without -march=native
    and the like in CFLAGS, or with -mno-sse4.2 (x86) or -march=...+nocrc (ARM)
    after it])])
   CFLAGS=$xdp_save_CFLAGS])

# XDP_OVS_CONFIGURE_ARGS
# ----------------------
# Sets OVS_CONFIGURE_ARGS, quoted for the shell: our own arguments without
# those that mean nothing to OVS's configure, or something else.
AC_DEFUN([XDP_OVS_CONFIGURE_ARGS],
  [OVS_CONFIGURE_ARGS=
   eval "set x $ac_configure_args"
   shift
   for xdp_arg
   do
     AS_CASE([$xdp_arg],
       [--with-ovs-source=* | --without-ovs-source | dnl
--enable-afxdp | --enable-afxdp=* | --disable-afxdp | dnl
--enable-xdp-offload | --enable-xdp-offload=* | --disable-xdp-offload | dnl
--srcdir=* | --cache-file=* | --no-create | --no-recursion | dnl
CLANG=* | BPF_CPPFLAGS=*],
         [],
       [xdp_arg=`AS_ECHO(["$xdp_arg"]) | sed "s/'/'\\\\\\\\''/g"`
        AS_VAR_APPEND([OVS_CONFIGURE_ARGS], [" '$xdp_arg'"])])
   done
   OVS_CONFIGURE_ARGS="$OVS_CONFIGURE_ARGS '--enable-afxdp=$enable_afxdp'"
   AC_SUBST([OVS_CONFIGURE_ARGS])
   AM_SUBST_NOTMAKE([OVS_CONFIGURE_ARGS])])
