# SPDX-License-Identifier: MIT
# A program with marks and triggers that knows nothing of Xen, captured from dom0 in all four modes. Where the mode says
# that the values are the trigger's own, each record equals the line that the program itself logged. It and its host come
# and go in every order.
# timeout: 600
steps=1000
name=$(echo "$GUESTS" | head -n 1)
threads=2

start() { # FIFO [VARIABLE=VALUE...]: prints the program's PID
	fifo=/tmp/$1
	shift
	guest "$name" "mkfifo -m 666 $fifo $fifo.done
		$* /root/marked $fifo $fifo.done $fifo.log >$fifo.out 2>&1 & echo \$!"
}
tell() { # FIFO WORDS...
	fifo=$1
	shift
	check "telling the program" guest "$name" "echo '$*' >/tmp/$fifo"
}
wait_for() { check "the program is done" guest "$name" "read -r word </tmp/$1.done"; } # FIFO
do_it() { # FIFO WORDS...
	tell "$@"
	wait_for "$1"
}
is_listed() { vmitap list --json | grep -q "\"xen:$name/$1\""; }
is_not_listed() { vmitap list --json >$scratch/listed && ! grep -q "\"xen:$name/$1\"" $scratch/listed; }
begin_capture() { # PID MODE [ARGUMENT...]: until it captures
	captured=$1 mode=$2
	shift 2
	vmitap capture "xen:$name/$captured" --debug-dir /root/debug --on connection_step --mode "$mode" \
		--sync-timeout 10s --read '*connection,connection->peer->hops,connection->peer->weight' "$@" \
		>$scratch/capture 2>&1 &
	capture=$!
	eventually "the program is captured" 20 somebody_captures
}
end_capture() {
	wait $capture
	result=$?
	cat $scratch/capture
	return $result
}

# The captured records in the words of the program's log.
values='values.*connection'
fields="$values.thread,$values.step,$values.phase,$values.window,$values.urgent,$values.drift,$values.word.whole"
for i in 0 1 2; do fields="$fields,$values.history[$i]"; done
fields="$fields,values.connection->peer->hops,values.connection->peer->weight,$values.name"
as_logged() { # FILE
	vmitap decode "$1" --format csv --fields "$fields" | awk -F, '
		BEGIN { phase["IDLE"] = 0; phase["OPENING"] = 3; phase["OPEN"] = 7; phase["CLOSING"] = 8 }
		NR > 1 { $3 = phase[$3]; gsub(/"/, ""); print }' OFS=' '
}

# Before the module is loaded the program is there already, and runs as ever.
pid=$(start watched)
do_it watched run 10 0
load "$name" vmitap
eventually "the program that was there first is listed" 20 is_listed "$pid"
expect "by its name, too" "xen:$name/marked  xen:$name/$pid" vmitap list --debug-dir /root/debug
expect "with what it has" 'triggers +connection_step\(connection: struct connection \*' vmitap list --debug-dir /root/debug
refuse "a module in use is not unloaded" 1 'in use|busy|unavailable' guest "$name" rmmod vmitap

for mode in sync inline paused live; do
	file=/out/program-$mode.mcap
	# Who waits for each answer needs no pause to be slow enough.
	[ $mode = sync ] && pause=0 || pause=300
	begin_capture "$pid" $mode --for 300s --count $((steps * threads)) -o "$file"
	do_it watched run "$steps" $pause
	check "capturing the program in mode $mode" end_capture
	equal "every trigger is in the file" $((steps * threads)) "$(vmitap decode "$file" | wc -l)"
	expect "nothing is lost" 'lost +nothing' vmitap info "$file"
	case $mode in sync | inline)
		guest "$name" cat /tmp/watched.log | sort -n -k 1 -k 2 >$scratch/logged
		as_logged "$file" | sort -n -k 1 -k 2 >$scratch/captured
		check "what was captured is what was logged" diff $scratch/logged $scratch/captured
		;;
	esac
done

# What is not in memory is not made up.
look() { # EXPRESSIONS, taken once into look.mcap
	vmitap capture "xen:$name/$pid" --debug-dir /root/debug --every 10ms --count 1 --read "$1" -o $scratch/look.mcap
}
check "marks without memory" look 'untouched[500000],forbidden[0],connections[1].step'
expect "are unread" '"untouched\[500000\]","reason":"UNREADABLE".*"forbidden\[0\]","reason":"UNREADABLE"' \
	vmitap decode $scratch/look.mcap
expect "and the others are read" "\"connections\[1\].step\":$((steps - 1))" vmitap decode $scratch/look.mcap

# Killed in mid-capture: its capture ends, and keeps what it has.
begin_capture "$pid" sync --for 300s -o $scratch/killed.mcap
tell watched run 100000 1000
sleep 2
check "the program is killed" guest "$name" "kill -KILL $pid"
check "its capture ends by itself" end_capture
expect "and says why" "xen:$name/$pid ended" cat $scratch/capture
expect "it keeps what it has" '"connection->peer->hops":' vmitap decode $scratch/killed.mcap
refuse "a program that ended" 1 "no program|xen:$name/" look 'connections[1].step'
check "it is listed no more" is_not_listed "$pid"

# The host killed in mid-capture: nobody waits for it, or each step would take 10 s; the next one finds all as ever.
pid=$(start second)
eventually "the second program is listed" 20 is_listed "$pid"
begin_capture "$pid" sync --for 300s -o $scratch/none.mcap
tell second run 500 5000
sleep 1
check "the program is not through" guest "$name" '[ ! -s /tmp/second.log ]'
kill -KILL $capture
alone=$(date +%s)
wait_for second
[ $(($(date +%s) - alone)) -lt 60 ] || fail "a program whose host died goes on: it took $(($(date +%s) - alone)) s"
begin_capture "$pid" sync --for 300s --count 20 -o $scratch/again.mcap
do_it second run 10 1000
check "the next host captures" end_capture
equal "every trigger is in the file" 20 "$(vmitap decode $scratch/again.mcap | wc -l)"

# A host inside of the domain and one in dom0: one at a time.
begin_capture "$pid" live --for 300s -o $scratch/none.mcap
refuse "a host in the domain is told of the one in dom0" 3 '^refused 2 -1$' guest "$name" "/root/local_host $pid 1"
kill -INT $capture
check "the one in dom0 ends" end_capture
local=$(guest "$name" "/root/local_host $pid 100 >/tmp/local 2>&1 & echo \$!")
eventually "the host in the domain attaches" 10 guest "$name" 'grep -q attached /tmp/local'
refuse "the host in dom0 is told of the one in the domain" 1 "process $local in the domain" look 'connections[1].step'
check "the host in the domain is killed" guest "$name" "kill -KILL $local"
check "the one in dom0 is next" look 'connections[1].step'

# A child is a program of its own. One that closes our file is one still, as is one that becomes another.
do_it second fork
child=$(guest "$name" "cat /proc/$pid/task/$pid/children" | tr -d ' ')
eventually "the child is listed" 20 is_listed "$child"
check "and so is its parent" is_listed "$pid"
check "the child is killed" guest "$name" "kill -KILL $child"
eventually "the child is listed no more" 10 is_not_listed "$child"
do_it second close
eventually "a program that closed all its files is listed" 20 is_listed "$pid"
check "and can be captured" look 'connections[1].step'
expect "as it was" '"connections\[1\].step":9' vmitap decode $scratch/look.mcap
is_anew() { look 'connections[1].step' && vmitap decode $scratch/look.mcap | grep '"connections\[1\].step":0'; }
tell second exec
eventually "what it became is captured" 20 is_anew

# Whoever may not open the device is seen when he may.
pid=$(start third AS_UID=1000)
sleep 3
check "it runs" guest "$name" "kill -0 $pid"
check "and is not listed" is_not_listed "$pid"
check "it may" guest "$name" 'chmod 666 /dev/vmitap'
eventually "it is listed" 20 is_listed "$pid"
no_complaints "$name"
