# SPDX-License-Identifier: MIT
# A domain is saved while a program in it is captured: the capture ends, and says why. In the restored domain the program
# goes on, and is captured anew.
# timeout: 400
is_listed() { vmitap list --json | grep -q "\"xen:$name/$pid\""; }
capture_steps() { # [ARGUMENT...]: until it captures
	vmitap capture "xen:$name/$pid" --debug-dir /root/debug --on connection_step --mode sync --sync-timeout 10s \
		--read '*connection' "$@" >$scratch/capture 2>&1 &
	capture=$!
	eventually "the program is captured" 20 somebody_captures
}

for each in $EACH_KIND; do
	name=$each
	load "$name" vmitap
	pid=$(guest "$name" 'mkfifo -m 666 /tmp/go /tmp/done; /root/marked /tmp/go /tmp/done /tmp/log >/dev/null 2>&1 & echo $!')
	eventually "the program is listed" 20 is_listed
	capture_steps --for 300s -o $scratch/before.mcap
	check "the program steps" guest "$name" 'echo run 500 1000 >/tmp/go'
	sleep 1

	check "the domain is saved" xl save "$name" /tmp/saved
	wait $capture
	cat $scratch/capture
	expect "its capture ended, and says why" "xen:$name/$pid (was|took|ended)" cat $scratch/capture
	expect "and keeps what it has" '"step":0' vmitap decode $scratch/before.mcap
	check "the domain is restored" xl restore /tmp/saved
	rm /tmp/saved

	# It was in the middle of its steps, whose host is gone.
	eventually "it is listed again" 60 is_listed
	check "the program is through its steps" guest "$name" 'read -r word </tmp/done'
	capture_steps --for 300s --count 20 -o $scratch/after.mcap
	check "the program steps" guest "$name" 'echo run 10 1000 >/tmp/go; read -r word </tmp/done'
	check "it is captured anew" wait $capture
	cat $scratch/capture
	equal "every trigger is in the file" 20 "$(vmitap decode $scratch/after.mcap | grep -c '"mode":"SYNC"')"
	no_complaints "$name"
	check "the program ends" guest "$name" "kill $pid"
done
