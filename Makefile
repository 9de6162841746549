# heaptap: one flat Makefile. Targets: all, check, fuzz, bench, install, format, lint, clean.
O ?= build
CC ?= gcc
CFLAGS ?= -O2 -g
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
CPPFLAGS = -Isrc -D_GNU_SOURCE
STD = -std=gnu11
LIBS = -lzstd -lelf
ifdef SAN
SANFLAGS = -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
endif

PROGRAM_SRC = $(wildcard src/util/*.c src/format/*.c src/collect/*.c src/inspect/*.c src/show/*.c)
PROGRAM_OBJ = $(PROGRAM_SRC:src/%.c=$(O)/%.o)
AGENT_SRC = $(wildcard src/agent/*.c)
AGENT_OBJ = $(AGENT_SRC:src/%.c=$(O)/%.agent.o)

all: $(O)/heaptap $(O)/libheaptap-agent.so

$(O)/heaptap: $(PROGRAM_OBJ)
	$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(O)/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANFLAGS) $(STD) $(WARN) $(CPPFLAGS) -MMD -MP -c -o $@ $<

# The agent: no libc, no SSE, nothing that could call out. -fexceptions gives it unwind tables and cleanups for bad_alloc.
AGENT_CFLAGS = -O2 -g $(STD) $(WARN) -Isrc -ffreestanding -fPIC -fvisibility=hidden -fno-stack-protector -fcf-protection=none \
	-fno-builtin -mgeneral-regs-only -fexceptions -fasynchronous-unwind-tables -ftls-model=initial-exec -fno-plt
$(O)/%.agent.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(AGENT_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/libheaptap-agent.so: $(AGENT_OBJ)
	$(CC) -shared -nostdlib -nostartfiles -Wl,-z,now,-z,relro,--no-undefined-version,-Bsymbolic-functions -Wl,-soname,libheaptap-agent.so -o $@ $^

clean:
	rm -rf $(O)

-include $(PROGRAM_OBJ:.o=.d) $(AGENT_OBJ:.o=.d)
.PHONY: all clean
