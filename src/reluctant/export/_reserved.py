"""Names that languages and their libraries have taken: C and C++ with the headers of C99 and POSIX, and others."""

from __future__ import annotations

_KEYWORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int long register
restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
alignas alignof bool constexpr false nullptr static_assert thread_local true typeof typeof_unqual
and and_eq asm bitand bitor catch char8_t char16_t char32_t class co_await co_return co_yield compl concept
consteval constinit const_cast decltype delete dynamic_cast explicit export friend mutable namespace new noexcept not
not_eq operator or or_eq private protected public reinterpret_cast requires static_cast template this throw try
typeid typename using virtual wchar_t xor xor_eq
std linux unix far near huge interrupt
"""

KEYWORDS = frozenset(_KEYWORDS.split())
"""Of C23 and C++23, the namespace of the latter, and what compilers for small machines add."""

_LIBRARY = """
a64l abort abs accept accept4 access acct acos acosh adjtime alarm aligned_alloc alloca alphasort arc4random
arc4random_buf arc4random_uniform asctime asin asinh asprintf assert assert_perror at_quick_exit atan atan2 atanh
atexit atof atoi atol basename bcmp bcopy be16toh be32toh be64toh bind blkcnt64_t blkcnt_t blksize_t brk bsearch btowc
bzero cabs cacos cacosh caddr_t calloc canonicalize canonicalize_file_name carg casin casinh catan catanh cbrt ccos
ccosh ceil cexp chdir chmod chown chroot cimag clearenv clearerr clearerr_unlocked clock clockid_t clog clog10 clone
close close_range closedir closefrom comparison_fn_t complex confstr conj connect cookie_close_function_t
cookie_io_functions_t cookie_read_function_t cookie_seek_function_t cookie_write_function_t copy_file_range copysign
cos cosh cpow cproj cpu_set_t creal creat crypt csin csinh csqrt ctan ctanh ctermid ctime cuserid daddl daddr_t daemon
daylight ddivl dev_t dfmal difftime dirfd div div_t dmull double_t dprintf drand48 drem dsqrtl dsubl dup dup2 dup3
duplocale dysize eaccess ecvt endusershell environ erand48 erf erfc errno error_t euidaccess execl execle execlp execv
execve execveat execvp execvpe exit exp exp10 exp2 explicit_bzero expm1 fabs faccessat fadd fallocate fchdir fchmod
fchmodat fchown fchownat fclose fcloseall fcntl fcvt fd_mask fd_set fdatasync fdim fdiv fdopen fdopendir feclearexcept
fedisableexcept feenableexcept fegetenv fegetexcept fegetexceptflag fegetmode fegetround feholdexcept femode_t fenv_t
feof feof_unlocked feraiseexcept ferror ferror_unlocked fesetenv fesetexcept fesetexceptflag fesetmode fesetround
fetestexcept fetestexceptflag feupdateenv fexcept_t fexecve fflush fflush_unlocked ffma ffs fgetc fgetc_unlocked
fgetpos fgets fgets_unlocked fgetwc fgetwc_unlocked fgetws fgetws_unlocked fileno fileno_unlocked finite float_t
flockfile floor fma fmax fmaximum fmaximum_mag fmaximum_mag_num fmaximum_num fmaxmag fmemopen fmin fminimum
fminimum_mag fminimum_mag_num fminimum_num fminmag fmod fmul fopen fopencookie fork fpathconf fpclassify fpos64_t
fpos_t fpregset_t fprintf fputc fputc_unlocked fputs fputs_unlocked fputwc fputwc_unlocked fputws fputws_unlocked
fread fread_unlocked free freelocale freopen frexp fromfp fromfpx fsblkcnt64_t fsblkcnt_t fscanf fseek fseeko fsetpos
fsfilcnt64_t fsfilcnt_t fsid_t fsqrt fstat fstatat fsub fsync ftell ftello ftruncate ftrylockfile funlockfile futimens
futimes futimesat fwide fwprintf fwrite fwrite_unlocked fwscanf gamma gcvt get_current_dir_name getc getc_unlocked
getchar getchar_unlocked getcpu getcwd getdate getdate_err getdelim getdomainname getdtablesize getegid getentropy
getenv geteuid getgid getgroups gethostid gethostname getitimer getline getloadavg getlogin getopt getpagesize getpass
getpayload getpeername getpgid getpgrp getpid getppid getpt getresgid getresuid gets getsid getsockname getsockopt
getsubopt gettid gettimeofday getuid getumask getusershell getw getwc getwc_unlocked getwchar getwchar_unlocked getwd
gid_t gmtime grantpt greg_t gregset_t group_member gsignal htobe16 htobe32 htobe64 htole16 htole32 htole64 hypot id_t
idtype_t ilogb imaxabs imaxdiv imaxdiv_t index initstate ino64_t ino_t int16_t int32_t int64_t int8_t int_fast16_t
int_fast32_t int_fast64_t int_fast8_t int_least16_t int_least32_t int_least64_t int_least8_t intmax_t intptr_t j0 j1
jmp_buf jn jrand48 key_t kill killpg l64a labs lchmod lchown lcong48 ldexp ldiv ldiv_t le16toh le32toh le64toh lerp
lgamma link linkat listen llabs lldiv lldiv_t llogb llrint llround locale_t localeconv localtime lockf lockf64 loff_t
log log10 log1p log2 logb longjmp lrand48 lrint lround lseek lstat lutimes main malloc math_errhandling max_align_t
mblen mbrlen mbrtowc mbsinit mbsnrtowcs mbsrtowcs mbstate_t mbstowcs mbtowc mcontext_t mkdir mkdirat mkdtemp mkfifo
mkfifoat mknod mknodat mkostemp mkostemps mkstemp mkstemps mktemp mktime mode_t modf mrand48 name_to_handle_at nan
nanosleep nearbyint newlocale nextafter nextdown nexttoward nextup nfds_t nice nlink_t nrand48 nullptr_t
obstack_printf obstack_vprintf off64_t off_t offsetof on_exit open open_by_handle_at open_memstream open_wmemstream
openat opendir optarg opterr optind optopt pathconf pause pclose perror pid_t pipe pipe2 poll popen pow pread printf
profil program_invocation_name program_invocation_short_name pselect psiginfo psignal ptrdiff_t ptsname putc
putc_unlocked putchar putchar_unlocked putenv puts putw putwc putwc_unlocked putwchar putwchar_unlocked pwrite qecvt
qfcvt qgcvt qsort quad_t quick_exit raise rand random rawmemchr read readahead readdir readlink readlinkat realloc
reallocarray realpath recv recvfrom recvmmsg recvmsg register_t remainder remove remquo rename renameat renameat2
revoke rewind rewinddir rindex rint rmdir round roundeven rpmatch sbrk scalb scalbln scalbn scandir scanf
secure_getenv seed48 seekdir select send sendmmsg sendmsg sendto setbuf setbuffer setdomainname setegid setenv seteuid
setgid sethostid sethostname setitimer setjmp setlinebuf setlocale setlogin setns setpayload setpayloadsig setpgid
setpgrp setregid setresgid setresuid setreuid setsid setsockopt setstate settimeofday setuid setusershell setvbuf
shutdown sig_atomic_t sig_t sigabbrev_np sigaction sigaddset sigaltstack sigandset sigblock sigdelset sigdescr_np
sigemptyset sigev_notify_attributes sigev_notify_function sigevent_t sigfillset siggetmask sighandler_t sighold
sigignore siginfo_t siginterrupt sigisemptyset sigismember sigjmp_buf siglongjmp sigmask signal signbit signgam
significand sigorset sigpause sigpending sigprocmask sigqueue sigrelse sigreturn sigset sigset_t sigsetjmp sigsetmask
sigstack sigsuspend sigtimedwait sigval_t sigwait sigwaitinfo sin sincos sinh size_t sleep snprintf sockatmark socket
socketpair socklen_t splice sprintf sqrt srand srand48 srandom sscanf ssignal ssize_t st_atime st_ctime st_mtime
stack_t stat statx stderr stdin stdout stpcpy stpncpy suseconds_t swab swprintf swscanf symlink symlinkat sync
sync_file_range syncfs syscall sysconf system sysv_signal tan tanh tcgetpgrp tcsetpgrp tee telldir tempnam tgamma
tgkill time time_t timegm timelocal timeradd timerclear timercmp timerisset timersub timespec_get timespec_getres
timezone tmpfile tmpnam trunc truncate ttyname ttyslot tzname tzset u_char u_int u_int16_t u_int32_t u_int64_t
u_int8_t u_long u_quad_t u_short ualarm ucontext_t ufromfp ufromfpx uid_t uint uint16_t uint32_t uint64_t uint8_t
uint_fast16_t uint_fast32_t uint_fast64_t uint_fast8_t uint_least16_t uint_least32_t uint_least64_t uint_least8_t
uintmax_t uintptr_t ulong umask ungetc ungetwc unlink unlinkat unlockpt unsetenv unshare useconds_t uselocale ushort
usleep utimensat utimes va_arg va_copy va_end va_list va_start valloc vasprintf vdprintf vfork vfprintf vfscanf
vfwprintf vfwscanf vhangup vmsplice vprintf vscanf vsnprintf vsprintf vsscanf vswprintf vswscanf vwprintf vwscanf wait
waitid waitpid wcpcpy wcpncpy wcrtomb wctob wctomb wctrans wctrans_l wctrans_t wctype wctype_l wctype_t wcwidth wint_t
wprintf write wscanf y0 y1 yn
"""

LIBRARY = frozenset(_LIBRARY.split())
"""Functions, types and objects of those headers, with the extensions of the GNU library, which g++ always turns on.
Variants for other types (sinf, sinl, sinf64, lgamma_r, lseek64) are left out."""

_JAVASCRIPT = """
abstract arguments await boolean break byte case catch char class const continue debugger default delete do double
else enum eval export extends false final finally float for function goto if implements import in instanceof int
interface let long native new null of package private protected public return short static super switch
synchronized this throw throws transient true try typeof undefined var void volatile while with yield NaN Infinity
Math Number
"""

JAVASCRIPT_WORDS = frozenset(_JAVASCRIPT.split())
"""Keywords of ECMAScript, past and future, and what our code calls."""

_RUST = """
abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen if impl
in let loop macro match mod move mut override priv pub ref return self Self static struct super trait true try type
typeof union unsafe unsized use virtual where while yield f32 f64 usize str Option Some None main
"""

RUST_WORDS = frozenset(_RUST.split())
"""Keywords of Rust, past and future, and what our code names."""

_PROGRAM = "bias end exp hidden high i into j k largest low middle out p t total w x y z bisect_right"

PROGRAM_WORDS = frozenset(_PROGRAM.split())
"""What the functions of the exporters to Python, JavaScript and Rust name their own."""
