#!/bin/bash
# churn.sh -- threads in turn and threads in a crowd: every one has its account and its two events (ACC-07)
#
# TURN and CROWD are numbers of threads; churn-full.sh takes 200 000 and 10 000.
. "$(dirname "$0")/lib.sh"
need jq

churn() { # churn turn|crowd N
	HT_CONFESS=$TMP/confession record churn.htap "$TARGETS/churn" "$1" "$2" || fail "churn $*: exit $?"
	verified churn.htap
	oracle churn churn.htap confession || fail "churn $*"
}

churn turn "${TURN:-3000}"
limit=$(ulimit -u)
[ "$limit" = unlimited ] || [ "$limit" -gt $((${CROWD:-400} + 1000)) ] || skip "RLIMIT_NPROC is $limit"
churn crowd "${CROWD:-400}"
