#!/bin/bash
# modules-full.sh -- when the table of modules is full, each module that finds no place in it is counted, once for each time it is loaded
#
# A limit on the size of files makes the table small. The program counts by itself what it has loaded, in itself and in a forked child: of that,
# what is not told is left out.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
need jq gcc setpriv

cat >plug.c <<'END'
#include <stdlib.h>
void *plug_take(size_t size)
{
	char *p = malloc(size);

	if (p)
		*p = 1;
	return p;
}
END
cat >crowd.c <<'END'
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int count(struct dl_phdr_info *info, size_t size, void *segments)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++)
		*(int *)segments += info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X;
	return 0;
}

static void *load(int n)
{
	char path[32];
	void *library, *(*take)(size_t);

	snprintf(path, sizeof(path), "./plug%d.so", n);
	library = dlopen(path, RTLD_NOW);
	take = library ? (void *(*)(size_t))dlsym(library, "plug_take") : NULL;
	if (!take)
		_exit(2);
	free(take(1000 + (size_t)n));
	return library;
}

int main(int argc, char **argv)
{
	int libraries = atoi(argv[argc - 1]), segments = 0, again = 0, status;

	for (int i = 1; i < libraries; i++)
		load(i);
	for (; again < 5; again++)
		dlclose(load(libraries));
	load(libraries);
	dl_iterate_phdr(count, &segments);
	if (!fork()) {
		free(malloc(1));
		_exit(0);
	}
	wait(&status);
	printf("%d\n", 2 * segments + again);
	return status;
}
END
gcc -shared -fPIC -O2 -o plug.so plug.c && gcc -O2 -w -D_GNU_SOURCE -o crowd crowd.c || fail "gcc"
for ((i = 1; i <= 100; i++)); do cp plug.so plug$i.so; done

# Who may raise the limit does, and so must not.
small=()
[ "$(id -u)" != 0 ] || small=(setpriv --bounding-set=-sys_resource)

loaded() { # loaded FILE [OPTION...]: by a program of 100 libraries; its modules that were told and left out in `told` and `left_out`
	local file=$1
	shift
	(ulimit -f 2600 && exec "${small[@]}" "$HEAPTAP" record "$@" -o "$file" -- ./crowd 100) >segments 2>says || fail "exit $?: $(cat says)"
	verified "$file"
	"$HEAPTAP" info --json "$file" >info || fail "info: exit $?"
	told=$(jq '[.module_list[] | select(.change == "mapped" and .generation > 0)] | length' info)
	left_out=$(jq .modules_left_out info)
}

loaded full.htap
echo "$(cat segments) segments, $told told, $left_out left out"
[ "$told" -ge 32 ] && [ "$left_out" -ge 100 ] || fail "the table was not full"
[ $((told + left_out)) = "$(cat segments)" ] || fail "$(cat segments) were loaded, $told told, $left_out left out"
grep -q "at least $left_out modules found no place" says || fail "not said: $(cat says)"
"$HEAPTAP" info full.htap | grep -q "left out  *$left_out\$" || fail "info does not say it: $("$HEAPTAP" info full.htap)"
homeless=$((100 - $(jq '[.module_list[] | select(.generation > 0 and .image == 1) | .path | select(contains("/plug"))] | unique | length' info)))
[ "$(jq '.stack_cuts.no_unwind' info)" -ge $homeless ] || fail "stacks through $homeless libraries do not say so: $(jq -c .stack_cuts info)"
agreed full.htap

# Where no stacks are asked for, nobody asks for a place.
loaded bare.htap --no-stacks
[ "$left_out" = 0 ] && ! grep -q 'found no place' says || fail "$left_out left out: $(cat says)"
# With room for all, all are told.
record roomy.htap ./crowd 100 >segments 2>says || fail "exit $?: $(cat says)"
"$HEAPTAP" info --json roomy.htap >info
[ "$(jq .modules_left_out info)" = 0 ] && ! grep -q 'found no place' says || fail "left out: $(jq .modules_left_out info): $(cat says)"
[ "$(jq '[.module_list[] | select(.change == "mapped" and .generation > 0)] | length' info)" = "$(cat segments)" ] || fail "not all are told"
exit 0
