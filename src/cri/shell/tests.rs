//! Scripts and what they write.

use std::sync::Arc;

use crate::cri::files::{FileSystem, Files, Tree, Volumes};
use crate::cri::program::{Answer, ConnectError, Effects, Host, Launch, Network};
use crate::sim::Random;

use super::{System, exec_sync};

struct Web;

impl Network for Web {
    fn connect(&mut self, _: &str, host: &str, port: u16, path: Option<&str>) -> Result<Answer, ConnectError> {
        match (host, port) {
            ("10.0.0.1", 80) => {
                Ok(Answer::Http { code: 200, body: format!("you asked for {}\n", path.unwrap_or("nothing")) })
            }
            ("10.0.0.1", _) => Err(ConnectError::Refused),
            ("10.0.0.2", _) => Err(ConnectError::Unreachable),
            _ => Err(ConnectError::UnknownHost),
        }
    }
}

/// Runs a script; what it wrote, its status, and the seconds it took.
fn run(script: &str) -> (String, String, i32, Option<u64>) {
    let launch = Launch {
        image: Arc::from("busybox"),
        argv: Vec::new(),
        envs: vec![("NAME".into(), "World".into()), ("EMPTY".into(), "".into())],
        working_dir: String::new(),
        hostname: Arc::from("web-0"),
        ip: Arc::from("10.244.1.7"),
        ports: Vec::new(),
        memory_limit_bytes: 0,
        cpu_limit_millis: 0,
        user: crate::api::cri::User::default(),
    };
    let mut volumes = Volumes::new();
    let mut fs = FileSystem::new(Tree::linux(), &[], &mut volumes);
    let mut rng = Random::fork(1, "test");
    let mut host = Host {
        unix_micros: 1_767_225_600_000_000,
        rng: &mut rng,
        files: Files { fs: &mut fs, volumes: &mut volumes },
        launch: &launch,
        network: &mut Web,
        effects: Effects::default(),
    };
    let system = System { name: "sh", programs: Arc::default(), permissive: false };
    let argv: Vec<String> = ["sh", "-c", script].iter().map(|word| (*word).to_owned()).collect();
    let result = exec_sync(&mut host, &system, &argv);
    (result.stdout, result.stderr, result.exit_code, result.micros.map(|micros| micros / 1_000_000))
}

#[track_caller]
fn check(script: &str, stdout: &str) {
    let (out, err, _, _) = run(script);
    assert_eq!(out, stdout, "{script}\nstderr: {err}");
}

#[track_caller]
fn fails(script: &str, status: i32, stderr: &str) {
    let (_, err, code, _) = run(script);
    assert_eq!((code, err.as_str()), (status, stderr), "{script}");
}

#[test]
fn words_and_quotes() {
    check("echo hello", "hello\n");
    check("echo  a   b", "a b\n");
    check("echo 'a   $NAME' \"b   $NAME\"", "a   $NAME b   World\n");
    check("echo Hello, ${NAME}!", "Hello, World!\n");
    check("x='a b'; set -- $x; echo $#; set -- \"$x\"; echo $#", "2\n1\n");
    check("echo \\$NAME \"\\$NAME\"", "$NAME $NAME\n");
    check("echo -n a; echo b", "ab\n");
    check("echo -e 'a\\tb'", "a\tb\n");
    check("echo a#b # comment", "a#b\n");
    check("echo ${UNSET:-default} ${EMPTY:-empty} ${EMPTY-kept} ${NAME:+set} ${#NAME}", "default empty set 5\n");
    check("f=/a/b/c.txt; echo ${f##*/} ${f%.*} ${f#*/} ${f%%/*}.", "c.txt /a/b/c a/b/c.txt .\n");
    check("echo `echo inner` $(echo a $(echo b))", "inner a b\n");
    check("A=1 B=2; echo $A$B", "12\n");
    check("false; echo $?; true; echo $?", "1\n0\n");
    check("echo \"$(printf 'x\\ny\\n')\"", "x\ny\n");
    check("for a in \"$@\"; do echo $a; done; echo none", "none\n");
    check("sh -c 'echo $0 $1' name arg", "sh arg\n");
}

#[test]
fn control_flow() {
    check("if [ 1 -lt 2 ]; then echo yes; else echo no; fi", "yes\n");
    check("if false; then echo a; elif test -z ''; then echo b; else echo c; fi", "b\n");
    check("i=0; while [ $i -lt 3 ]; do echo $i; i=$((i+1)); done", "0\n1\n2\n");
    check("i=5; until [ $i -le 3 ]; do i=$(expr $i - 1); done; echo $i", "3\n");
    check("for x in a b c; do echo $x; done", "a\nb\nc\n");
    check("for i in $(seq 1 5); do [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done", "1\n3\n");
    check("true && echo a || echo b; false && echo c || echo d", "a\nd\n");
    check("! false && echo ok", "ok\n");
    check("case nginx in ng*) echo match;; *) echo other;; esac", "match\n");
    check("case b in a|b) echo ab;; esac", "ab\n");
    check("f() { echo \"got $1\"; return 3; }; f x; echo $?", "got x\n3\n");
    check("(cd /tmp; pwd); pwd", "/tmp\n/\n");
    check("{ echo a; echo b; } > /tmp/f; cat /tmp/f", "a\nb\n");
    check("set -e; echo a; false; echo b", "a\n");
    check("set -e; if false; then :; fi; false || true; echo ok", "ok\n");
    check("while true; do echo once; break; done", "once\n");
    check("echo a; exit 0; echo b", "a\n");
    check("trap 'echo bye' EXIT; echo hi", "hi\nbye\n");
    check("while :\ndo\n  echo x\n  break\ndone", "x\n");
    check("n=3\nwhile [ $n -gt 0 ]\ndo\n  echo $n\n  n=`expr $n - 1`\ndone", "3\n2\n1\n");
}

#[test]
fn files_and_redirects() {
    check("echo a > /tmp/x; echo b >> /tmp/x; cat /tmp/x", "a\nb\n");
    check("echo hidden > /dev/null; echo err 1>&2; echo out", "out\n");
    check("ls /nope 2>&1", "ls: /nope: No such file or directory\n");
    check("ls /nope 2>/dev/null || echo missing", "missing\n");
    check("mkdir -p /data/a/b && touch /data/a/f && ls /data/a", "b\nf\n");
    check("cat <<EOF\nHello $NAME\nEOF\necho after", "Hello World\nafter\n");
    check("cat <<'EOF'\nHello $NAME\nEOF", "Hello $NAME\n");
    check("printf 'a b\\nc d\\n' > /tmp/f; while read x y; do echo $y-$x; done < /tmp/f", "b-a\nd-c\n");
    check("echo a | tr a-z A-Z", "A\n");
    check("printf 'b\\na\\nb\\n' | sort | uniq -c | wc -l", "2\n");
    check("seq 5 | head -2; seq 5 | tail -n 1", "1\n2\n5\n");
    check("echo 'x=1,y=2' | cut -d, -f2", "y=2\n");
    check("echo hello | sed 's/l/L/g'", "heLLo\n");
    check("printf 'one\\ntwo\\n' | grep -v one", "two\n");
    check("echo data | tee /tmp/t; cat /tmp/t", "data\ndata\n");
    check("echo aGk= | base64 -d", "hi");
    check("cp /etc/passwd /tmp/p; rm /tmp/p; [ -f /tmp/p ] || echo gone", "gone\n");
    check("mkdir -p /d/e && touch /d/e/f /d/g && find /d -mindepth 1 -maxdepth 1", "/d/e\n/d/g\n");
    check(
        "mkdir -p /d/e && touch /d/e/f && find /d -mindepth 1 -delete && ls -A /d && [ -d /d ] && echo kept",
        "kept\n",
    );
    check("mkdir -p /usr/local/bin; echo 'echo got $2 of $#' > /usr/local/bin/mine; mine a b", "got b of 2\n");
    check("echo 'echo got $1' > /tmp/s; /tmp/s x", "got x\n");
    check("touch /tmp/a.txt /tmp/b.txt /tmp/c.log; ls /tmp/*.txt", "/tmp/a.txt\n/tmp/b.txt\n");
    check("printf '%s=%03d\\n' n 7", "n=007\n");
    check("echo $((2 + 3 * 4)) $(( (1+2)*3 % 4 )) $((5 > 3 && 1 != 1))", "14 1 0\n");
    check("x=5; echo $((x++)) $x $((x *= 2))", "5 6 12\n");
}

#[test]
fn the_machine() {
    check("hostname; whoami; pwd", "web-0\nroot\n/\n");
    check("date +%Y-%m-%d; sleep 86400; date +%d", "2026-01-01\n02\n");
    check("date", "Thu Jan  1 00:00:00 UTC 2026\n");
    check("env | grep NAME", "NAME=World\n");
    check("which ls; command -v nope || echo none", "/bin/ls\nnone\n");
    check("wget -qO- http://10.0.0.1/path", "you asked for /path\n");
    check("wget -q -O /tmp/x 10.0.0.1 && cat /tmp/x", "you asked for /\n");
    check("echo '10.0.0.1 other web' > /etc/hosts; wget -qO- http://web/path", "you asked for /path\n");
    assert_eq!(run("sleep 2; sleep 1m").3, Some(62));
    assert_eq!(run("sleep 0.5; sleep 0.5").3, Some(1));
    assert_eq!(run("for i in 1 2 3; do sleep 1; done").3, Some(3));
    assert_eq!(run("sleep infinity").3, None);
    assert_eq!(run("echo x; tail -f /dev/null").3, None);
    assert_eq!(run("tail -F /not/there/yet").3, None, "-F waits for the file to come");
    assert_eq!(run("tail -f /not/there/yet").3, Some(0));
    assert_eq!(run("timeout 3 sleep 100").3, Some(3));
    let (out, _, _, seconds) = run("while true; do echo -n .; sleep 1; done | head -3");
    assert!(out.starts_with("..."), "{out:?}");
    assert!(seconds.is_some());
}

#[test]
fn what_goes_wrong() {
    fails("foo", 127, "sh: foo: not found\n");
    fails("exit 42", 42, "");
    fails("cat /etc/missing", 1, "cat: can't open '/etc/missing': No such file or directory\n");
    fails("echo x > /no/such/file", 1, "sh: can't create /no/such/file: nonexistent directory\n");
    fails("if true; then echo", 2, "sh: syntax error: unexpected end of file\n");
    fails("echo 'open", 2, "sh: syntax error: unterminated quoted string\n");
    fails("echo ${UNSET:?is needed}", 2, "sh: UNSET: is needed\n");
    fails("wget -q http://web", 1, "wget: bad address 'web'\n");
    fails("wget -q http://10.0.0.1:81/", 1, "wget: can't connect to remote host (10.0.0.1): Connection refused\n");
    fails("rm /nope", 1, "rm: can't remove '/nope': No such file or directory\n");
    fails("[ 1 -eq x ]", 2, "sh: x: bad number\n");
    fails("false", 1, "");
    fails("set -u; echo $NOPE", 2, "sh: NOPE: parameter not set\n");
}
