/* What `sudo` makes of a process: becomes root by its set-user-ID bit, and ends once there is a file,
   or no log any more.
   Arguments: the log, the file, and the number of the attempt. */
#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>

static int tell(const char *log, const char *what, const char *attempt)
{
    FILE *file = fopen(log, "a");
    if (file == NULL)
        return 1;
    fprintf(file, "root %s %s\n", what, attempt);
    return fclose(file);
}

int main(int count, char **arguments)
{
    if (count != 4 || setresuid(0, 0, 0) != 0)
        return 1;
    tell(arguments[1], "begins", arguments[3]);
    while (access(arguments[2], F_OK) != 0 && access(arguments[1], F_OK) == 0)
        usleep(20000);
    return tell(arguments[1], "ends", arguments[3]);
}
