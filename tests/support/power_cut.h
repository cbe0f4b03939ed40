// What a power cut leaves of files: every page is as it was at some moment since it was last synced, any moment for each page; of the
// pages that the last write touched, every sector; and the length is that of some moment, too. A file is cut short wholly or not at all: no
// file system does that by the page. A sync that failed has marked its pages as written all the same, so that they stay at risk until
// they are written anew and synced.
//
// Every function needs `lock`.

#define PAGE 4096
#define SECTOR 512
#define N_FILES_MAX 256

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

// One file with changes that are not synced. Its descriptor stays open, so that its number is given to no other file.
struct file { dev_t dev; ino_t ino; int fd; };
static struct file files[N_FILES_MAX];
static int n_files;

// A change within one page, or, where `is_length`, of the file's length, which was `len` before and is `at` now.
struct change {
    int file;
    int is_length;
    // Whether the file was cut short here.
    int is_cut;
    int is_lost;
    off_t at;
    size_t len;
    // What was there before: zeros where there was nothing.
    unsigned char *old;
};
static struct change *changes;
static long n_changes, n_changes_max, n_before_last_write;

static int file_of(int fd) {
    struct stat found;
    if (fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) return -1;
    for (int i = 0; i < n_files; i++)
        if (files[i].dev == found.st_dev && files[i].ino == found.st_ino) return i;
    if (n_files == N_FILES_MAX) abort();
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int own = syscall(SYS_openat, AT_FDCWD, link, O_RDWR | O_CLOEXEC, 0);
    if (own < 0) abort();
    files[n_files] = (struct file){found.st_dev, found.st_ino, own};
    return n_files++;
}

static off_t length_of(int file) {
    struct stat found;
    return fstat(files[file].fd, &found) == 0 ? found.st_size : 0;
}

static struct change *add_change(void) {
    if (n_changes == n_changes_max) {
        n_changes_max = n_changes_max ? 2 * n_changes_max : 1024;
        changes = realloc(changes, n_changes_max * sizeof *changes);
        if (!changes) abort();
    }
    return &changes[n_changes++];
}

static void note_range(int file, int is_cut, off_t at, off_t end) {
    while (at < end) {
        off_t page_end = (at / PAGE + 1) * PAGE;
        size_t len = (end < page_end ? end : page_end) - at;
        unsigned char *old = calloc(1, len);
        if (!old || syscall(SYS_pread64, files[file].fd, old, len, at) < 0) abort();
        *add_change() = (struct change){file, 0, is_cut, 0, at, len, old};
        at += len;
    }
}

// To be called before a write.
static void note_write(int fd, off_t at, size_t len) {
    int file = file_of(fd);
    off_t length = length_of(file);
    n_before_last_write = n_changes;
    if (length < at + (off_t)len) *add_change() = (struct change){file, 1, 0, 0, at + len, length, NULL};
    note_range(file, 0, at, at + len);
}

// To be called before the length is changed.
static void note_length(int fd, off_t len) {
    int file = file_of(fd);
    off_t length = length_of(file);
    n_before_last_write = n_changes;
    *add_change() = (struct change){file, 1, len < length, 0, len, length, NULL};
    note_range(file, 1, len, length);
}

static int is_of(const struct change *change, int file, int is_length, off_t page) {
    return change->file == file && change->is_length == is_length && (is_length || change->at / PAGE == page);
}

// Everything about a file is on the disk now, or, where the sync failed, is taken to be.
static void note_sync(int fd, int did_fail) {
    int file = file_of(fd);
    // A folder: names are taken to be there at once.
    if (file < 0) return;
    if (did_fail) {
        for (long i = 0; i < n_changes; i++)
            if (changes[i].file == file) changes[i].is_lost = 1;
        return;
    }
    long n_left = 0;
    for (long i = 0; i < n_changes; i++) {
        // What an earlier sync lost gets there with a later change of its page.
        int is_written = changes[i].file == file && !changes[i].is_lost;
        for (long j = i + 1; j < n_changes && changes[i].file == file && !is_written; j++)
            is_written = !changes[j].is_lost && is_of(&changes[j], file, changes[i].is_length, changes[i].at / PAGE);
        if (is_written) free(changes[i].old);
        else changes[n_left++] = changes[i];
    }
    n_changes = n_before_last_write = n_left;
}

static unsigned long mixed(unsigned long seed, unsigned long a, unsigned long b) {
    unsigned long x = seed * 0x9e3779b97f4a7c15 + a * 0xbf58476d1ce4e5b9 + b * 0x94d049bb133111eb + 1;
    for (int i = 0; i < 3; i++) { x ^= x >> 31; x *= 0xd6e8feb86659fd93; }
    return x ^ x >> 32;
}

// Returns how many of the changes a page or sector has got: all, none or any number.
static long n_got(unsigned long seed, int file, unsigned long place) {
    unsigned long chance = mixed(seed, file + 1, place);
    switch (chance % 4) {
    case 0: return 0;
    case 1: return n_changes;
    default: return chance / 4 % (n_changes + 1);
    }
}

// Returns whether a change is on the disk, at this place and as far as one unit goes.
static int is_there(unsigned long seed, long i, off_t at, size_t unit) {
    const struct change *change = &changes[i];
    long n_got_length = n_got(seed, change->file, 1);
    if (change->is_cut) return i < n_got_length;
    // What was cut off since, and is not back, was there for nothing.
    for (long j = i + 1; j < n_got_length; j++)
        if (changes[j].file == change->file && changes[j].is_length && changes[j].is_cut && changes[j].at <= at) return 1;
    return i < n_got(seed, change->file, 2 * (at / unit));
}

static int is_in_last_write(const struct change *change) {
    for (long i = n_before_last_write; i < n_changes; i++)
        if (is_of(&changes[i], change->file, 0, change->at / PAGE)) return 1;
    return 0;
}

// Leaves of the files what a power cut would. The lengths go last, so that no page lies beyond one.
static void cut_power(unsigned long seed) {
    off_t lengths[N_FILES_MAX];
    for (int file = 0; file < n_files; file++) lengths[file] = length_of(file);
    for (long i = n_changes - 1; 0 <= i; i--) {
        const struct change *change = &changes[i];
        if (change->is_length) continue;
        size_t unit = is_in_last_write(change) ? SECTOR : PAGE;
        for (size_t done = 0; done < change->len;) {
            off_t at = change->at + done;
            size_t rest = unit - at % unit, len = change->len - done < rest ? change->len - done : rest;
            if (!is_there(seed, i, at, unit)) syscall(SYS_pwrite64, files[change->file].fd, change->old + done, len, at);
            done += len;
        }
    }
    for (int file = 0; file < n_files; file++) {
        for (long i = n_got(seed, file, 1); i < n_changes; i++)
            if (changes[i].file == file && changes[i].is_length) {
                lengths[file] = changes[i].len;
                break;
            }
        syscall(SYS_ftruncate, files[file].fd, lengths[file]);
    }
}
