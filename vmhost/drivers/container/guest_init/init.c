/* The init program of a guest: starts its program, forwards signals, reaps children, and forwards a limited amount
 * of what the program prints. It runs in the guest's own control group, so its CPU time counts as the guest's.
 *
 * 100,000 bytes a second after 128 KiB at once, where each line counts as 100 bytes more: the reader outside works
 * by the line. When more is printed, the oldest is left out, with a note; the program never waits for the reader.
 * Freestanding: it must run in any image. Built by `make guest-init`. */

typedef unsigned long size_t;

enum { RATE_PER_S = 100000, BURST = 128 * 1024, LINE_COST = 100, KEPT = 64 * 1024, CHUNK = 16 * 1024 };
#define MS 1000000LL
#define FLOOD_PAUSE (10 * MS)
#define REFILL_PAUSE (20 * MS)
#define LAST_WORDS (1000 * MS)

#if defined(__x86_64__)
enum { READ = 0, WRITE = 1, CLOSE = 3, SIGPROCMASK = 14, CLONE = 56, EXECVE = 59, WAIT4 = 61, KILL = 62, FCNTL = 72,
       SETPGID = 109, PRCTL = 157, CLOCK_GETTIME = 228, EXIT_GROUP = 231, PPOLL = 271, SIGNALFD4 = 289, DUP3 = 292, PIPE2 = 293 };
static long sys5(long n, long a, long b, long c, long d, long e) {
  long r;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
  return r;
}
__asm__(".globl _start\n_start: xor %ebp,%ebp\n mov %rsp,%rdi\n and $-16,%rsp\n call begin\n");
#elif defined(__aarch64__)
enum { READ = 63, WRITE = 64, CLOSE = 57, SIGPROCMASK = 135, CLONE = 220, EXECVE = 221, WAIT4 = 260, KILL = 129, FCNTL = 25,
       SETPGID = 154, PRCTL = 167, CLOCK_GETTIME = 113, EXIT_GROUP = 94, PPOLL = 73, SIGNALFD4 = 74, DUP3 = 24, PIPE2 = 59 };
static long sys5(long n, long a, long b, long c, long d, long e) {
  register long x8 __asm__("x8") = n;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
}
__asm__(".globl _start\n_start: mov x29,#0\n mov x30,#0\n mov x0,sp\n bl begin\n");
#else
#error "no such architecture"
#endif

#define sys(n, a, b, c, d) sys5(n, (long)(a), (long)(b), (long)(c), (long)(d), 0)

enum { EPERM_ = 1, ENOENT_ = 2, EAGAIN_ = 11, EACCES_ = 13, ENOTDIR_ = 20 };
enum { SIGCHLD_ = 17, SIGPIPE_ = 13, SIG_BLOCK_ = 0, SIG_SETMASK_ = 2, WNOHANG_ = 1, POLLIN_ = 1, POLLOUT_ = 4, POLLANY = 0x3f };
enum { O_CLOEXEC_ = 02000000, O_NONBLOCK_ = 04000, F_GETFL_ = 3, F_SETFL_ = 4, PR_SET_DUMPABLE_ = 4, MONOTONIC = 1 };

struct pollfd_ { int fd; short events, revents; };
struct timespec_ { long s, ns; };
struct siginfo_ { unsigned signo; char rest[124]; };

static char kept[KEPT], chunk[CHUNK];
static size_t first, count;          /* bytes to be forwarded, in a ring */
static unsigned long long left_out;  /* bytes left out just before it */
static char last;                    /* the last forwarded byte */
static long long tokens, filled_at;
static int full;                     /* the reader outside is behind */

void *memcpy(void *to, const void *from, size_t n) {
  char *t = to;
  const char *f = from;
  while (n--) *t++ = *f++;
  return to;
}

static long long now(void) {
  struct timespec_ t;
  sys(CLOCK_GETTIME, MONOTONIC, &t, 0, 0);
  return t.s * 1000 * MS + t.ns;
}

static size_t length(const char *text) {
  size_t n = 0;
  while (text[n]) n++;
  return n;
}

static void drop(size_t n) {
  first = (first + n) % KEPT;
  count -= n;
}

/* Keeps what was printed; without room, drops the older half, up to the end of a line. */
static void keep(size_t n) {
  if (count + n > KEPT) {
    size_t gone = count + n - KEPT;
    if (gone < count / 2) gone = count / 2;
    while (gone < count && kept[(first + gone - 1) % KEPT] != '\n') gone++;
    drop(gone);
    left_out += gone;
  }
  for (size_t i = 0; i < n; i++) kept[(first + count + i) % KEPT] = chunk[i];
  count += n;
}

/* Forwards bytes and subtracts their cost; returns how many the reader took. */
static size_t pass(const char *bytes, size_t n) {
  long done = sys(WRITE, 1, bytes, n, 0);
  full = done == -EAGAIN_;
  if (done <= 0) return full ? 0 : n; /* the reader has gone: the bytes are lost */
  for (long i = 0; i < done; i++) tokens -= bytes[i] == '\n' ? 1 + LINE_COST : 1;
  last = bytes[done - 1];
  return done;
}

static void pass_note(void) {
  char text[80], digits[24];
  size_t n = 0, d = 0;
  unsigned long long rest = left_out;
  const char *words = " bytes of output left out, above 100 kB/s]\n";
  if (last != '\n') text[n++] = '\n';
  text[n++] = '[';
  do digits[d++] = '0' + rest % 10;
  while (rest /= 10);
  while (d) text[n++] = digits[--d];
  memcpy(text + n, words, length(words));
  if (pass(text, n + length(words))) left_out = 0;
}

/* Returns how many kept bytes may be forwarded now, up to the end of the ring; whole lines if tokens run out. */
static size_t affordable(int all) {
  size_t most = count < KEPT - first ? count : KEPT - first, line = 0;
  long long cost = 0;
  if (all) return most;
  for (size_t i = 0; i < most; i++) {
    cost += kept[first + i] == '\n' ? 1 + LINE_COST : 1;
    if (cost > tokens) return line ? line : i;
    if (kept[first + i] == '\n') line = i + 1;
  }
  return most;
}

static void pass_on(int all) {
  long long at = now();
  tokens += (at - filled_at) * RATE_PER_S / (1000 * MS);
  if (tokens > BURST) tokens = BURST;
  filled_at = at;
  full = 0;
  while (count && !full && (all || tokens > 0)) {
    if (left_out) {
      pass_note();
      continue;
    }
    size_t n = affordable(all);
    if (!n) return;
    drop(pass(kept + first, n));
  }
}

static long receive(int from) {
  long n = sys(READ, from, chunk, CHUNK, 0);
  if (n > 0) keep(n);
  return n;
}

static void set_nonblocking(int fd) {
  sys(FCNTL, fd, F_SETFL_, sys(FCNTL, fd, F_GETFL_, 0, 0) | O_NONBLOCK_, 0);
}

/* Starts the program as a shell would find it. Returns only an error. */
static long start(char **argv, char **envp) {
  const char *name = argv[0], *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  static char file[4096];
  size_t n = length(name);
  long error = ENOENT_;
  for (const char *c = name; *c; c++)
    if (*c == '/') return -sys(EXECVE, name, argv, envp, 0);
  for (char **e = envp; *e; e++)
    if ((*e)[0] == 'P' && (*e)[1] == 'A' && (*e)[2] == 'T' && (*e)[3] == 'H' && (*e)[4] == '=') path = *e + 5;
  while (*path) {
    size_t folder = 0;
    while (path[folder] && path[folder] != ':') folder++;
    if (folder && folder + n + 2 <= sizeof file) {
      memcpy(file, path, folder);
      file[folder] = '/';
      memcpy(file + folder + 1, name, n + 1);
      long why = -sys(EXECVE, file, argv, envp, 0);
      if (why != ENOENT_ && why != ENOTDIR_) error = why;
    }
    path += folder;
    if (*path) path++;
  }
  return error;
}

static void fail(const char *name, const char *words) {
  sys(WRITE, 2, name, length(name), 0);
  sys(WRITE, 2, words, length(words), 0);
}

static int run(int output, char **argv, char **envp) {
  unsigned long long none = 0;
  sys(SIGPROCMASK, SIG_SETMASK_, &none, 0, 8);
  sys(SETPGID, 0, 0, 0, 0);
  sys(DUP3, output, 1, 0, 0);
  sys(DUP3, output, 2, 0, 0);
  long why = start(argv, envp);
  fail(argv[0], why == EACCES_ || why == EPERM_ ? ": permission denied\n" : why == ENOENT_ ? ": not found\n" : ": cannot be run\n");
  return why == ENOENT_ ? 127 : 126;
}

static int exit_code(int status) { return status & 0x7f ? 128 + (status & 0x7f) : (status >> 8) & 0xff; }

/* Reaps ended children; returns whether the program is one of them. */
static int bury(long program, int *code) {
  int status, ended = 0;
  long pid;
  while ((pid = sys(WAIT4, -1, &status, WNOHANG_, 0)) > 0)
    if (pid == program) {
      *code = exit_code(status);
      ended = 1;
    }
  return ended;
}

static void last_words(int output) {
  long long until = now() + LAST_WORDS;
  for (size_t got = 0; got < KEPT;) {
    long n = receive(output);
    if (n <= 0) break;
    got += n;
  }
  while (count && now() < until) {
    pass_on(1);
    struct pollfd_ out = {1, POLLOUT_, 0};
    struct timespec_ wait = {0, 100 * MS};
    if (full) sys(PPOLL, &out, 1, &wait, 0);
  }
}

static int serve(int signals, int output, long program) {
  long long read_from = 0;
  int code = 0;
  for (;;) {
    long long at = now(), wait = -1;
    struct pollfd_ fds[3] = {{signals, POLLIN_, 0}, {at < read_from ? -1 : output, POLLIN_, 0}, {count && full ? 1 : -1, POLLOUT_, 0}};
    if (at < read_from) wait = read_from - at;
    if (count && !full && (wait < 0 || wait > REFILL_PAUSE)) wait = REFILL_PAUSE;
    struct timespec_ timeout = {wait / (1000 * MS), wait % (1000 * MS)};
    sys(PPOLL, fds, 3, wait < 0 ? 0 : &timeout, 0);
    struct siginfo_ signal;
    while (sys(READ, signals, &signal, sizeof signal, 0) == sizeof signal)
      if (signal.signo != SIGCHLD_ && signal.signo != SIGPIPE_) sys(KILL, program, signal.signo, 0, 0);
    if (bury(program, &code)) {
      last_words(output);
      return code;
    }
    if (fds[1].revents & POLLANY) {
      unsigned long long before = left_out;
      size_t got = 0;
      long n = 1;
      while (got < KEPT && (n = receive(output)) > 0) got += n;
      if (n == 0) output = -1; /* no process can print any more */
      /* A flood is read with pauses, so that reading it costs the guest little. */
      if (left_out != before) read_from = now() + FLOOD_PAUSE;
    }
    pass_on(0);
  }
}

__attribute__((used)) void begin(long *stack) {
  char **argv = (char **)(stack + 1), **envp = argv + stack[0] + 1;
  unsigned long long all = ~0ULL;
  int ends[2], code;
  if (stack[0] < 2) {
    fail(argv[0], ": names no program\n");
    sys(EXIT_GROUP, 127, 0, 0, 0);
  }
  /* Keeps the guest's programs from opening this process's output through /proc. */
  sys(PRCTL, PR_SET_DUMPABLE_, 0, 0, 0);
  sys(SIGPROCMASK, SIG_BLOCK_, &all, 0, 8);
  int signals = sys(SIGNALFD4, -1, &all, 8, O_CLOEXEC_ | O_NONBLOCK_);
  if (signals < 0 || sys(PIPE2, ends, O_CLOEXEC_, 0, 0) < 0) {
    fail(argv[1], ": no files left to start it\n");
    sys(EXIT_GROUP, 126, 0, 0, 0);
  }
  filled_at = now();
  tokens = BURST;
  last = '\n';
  long program = sys5(CLONE, SIGCHLD_, 0, 0, 0, 0);
  if (program == 0) sys(EXIT_GROUP, run(ends[1], argv + 1, envp), 0, 0, 0);
  if (program < 0) {
    fail(argv[1], ": no process left to start it\n");
    sys(EXIT_GROUP, 126, 0, 0, 0);
  }
  sys(CLOSE, ends[1], 0, 0, 0);
  set_nonblocking(ends[0]);
  set_nonblocking(1);
  code = serve(signals, ends[0], program);
  sys(EXIT_GROUP, code, 0, 0, 0);
}
