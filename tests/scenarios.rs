//! Scenarios: kubectl lines, waits and faults in, the whole transcript out, compared with the file.
//!
//! A scenario is a text file in `tests/scenarios/`. Lines that begin with `> ` are what is done; what
//! follows each is what came of it. `UPDATE_SCENARIOS=1 cargo test --test scenarios` writes them anew:
//! read the difference before you keep it.
//!
//! `> kubectl …`          a line at the prompt; `< FILE` at its end gives a manifest on standard input
//! `> run 30s`            let simulated time pass
//! `> stop NAME`, `> start NAME`, `> power-off NODE`, `> power-on NODE`
//! `> cut A from B`, `> heal A and B`
//! `> restart NAME`, `> freeze NAME`, `> thaw NAME`
//! `> fill NODE disk PERCENT`, `> free NODE disk`, the same with `memory`
//! `> drop IMAGE`, `> restore IMAGE`
//! `> messages`           every message since the last command but heartbeats and runs of the same

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kubarium::cluster::{Command, Config, FaultSpec, Session, Stuff};
use kubarium::sim::{EventId, Record};

const COMMAND_LIMIT: Duration = Duration::from_secs(120);

struct Player {
    session: Session,
    folder: PathBuf,
    /// How many trace records the last `messages` had seen.
    seen: u64,
}

impl Player {
    fn new(folder: PathBuf) -> Self {
        let session = Session::ready(Config::default());
        let seen = session.world().kernel().trace().total();
        Player { session, folder, seen }
    }

    fn act(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let partition = |between: &str, and: &str| FaultSpec::Partition { between: between.into(), and: and.into() };
        let command = match words.as_slice() {
            ["kubectl", ..] => return self.kubectl(line),
            ["messages"] => return self.messages(),
            ["run", length] => {
                let until = self.session.now() + seconds(length);
                self.session.run_until(until);
                return String::new();
            }
            ["stop", name] => Command::StopProcess { name: (*name).into() },
            ["start", name] => Command::StartProcess { name: (*name).into() },
            ["power-off", node] => Command::PowerOff { node: (*node).into() },
            ["power-on", node] => Command::PowerOn { node: (*node).into() },
            ["cut", between, "from", and] => Command::Inject { fault: partition(between, and) },
            ["heal", between, "and", and] => Command::Lift { fault: partition(between, and) },
            ["restart", name] => Command::Restart { name: (*name).into() },
            ["freeze", name] => Command::Freeze { name: (*name).into() },
            ["thaw", name] => Command::Thaw { name: (*name).into() },
            ["fill", node, what, percent] => Command::Fill {
                node: (*node).into(),
                what: stuff(what),
                percent: percent.parse().expect("it is a number of hundredths"),
            },
            ["free", node, what] => Command::Free { node: (*node).into(), what: stuff(what) },
            ["drop", image] => Command::DropImage { image: (*image).into() },
            ["restore", image] => Command::RestoreImage { image: (*image).into() },
            _ => panic!("a scenario cannot do {line:?}"),
        };
        self.session.apply(command);
        String::new()
    }

    fn kubectl(&mut self, line: &str) -> String {
        let (line, stdin) = match line.rsplit_once(" < ") {
            Some((line, file)) => {
                let path = self.folder.join(file);
                (line, fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
            }
            None => (line, String::new()),
        };
        let view = self.session.kubectl(line, &stdin, COMMAND_LIMIT);
        let mut text: String = view.output.iter().map(|(_, text)| &**text).collect();
        match view.code {
            Some(0) => {}
            Some(code) => text.push_str(&format!("[exit {code}]\n")),
            None => text.push_str("[still running]\n"),
        }
        text
    }

    fn messages(&mut self) -> String {
        let sent: Vec<EventId> = self
            .session
            .world()
            .kernel()
            .trace()
            .since(self.seen)
            .filter_map(|record| match record {
                Record::Sent(envelope) => Some(envelope.id),
                _ => None,
            })
            .collect();
        self.seen = self.session.world().kernel().trace().total();
        let mut lines: Vec<(String, u32)> = Vec::new();
        for id in sent {
            let Some(view) = self.session.message(id).filter(|view| !view.heartbeat) else { continue };
            let text = format!("{} → {}: {} {}", view.from, view.to, view.label.first, view.label.second);
            let text = text.trim_end().to_owned();
            match lines.last_mut() {
                Some((last, count)) if *last == text => *count += 1,
                _ => lines.push((text, 1)),
            }
        }
        lines
            .into_iter()
            .map(|(text, count)| if count > 1 { format!("{text} ({count} times)\n") } else { format!("{text}\n") })
            .collect()
    }
}

fn stuff(text: &str) -> Stuff {
    match text {
        "disk" => Stuff::Disk,
        "memory" => Stuff::Memory,
        _ => panic!("{text:?} cannot be filled"),
    }
}

fn seconds(text: &str) -> Duration {
    let number = text.strip_suffix('s').and_then(|number| number.parse().ok());
    Duration::from_secs(number.unwrap_or_else(|| panic!("{text:?} is no number of seconds")))
}

/// Plays a scenario and gives its transcript.
fn play(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("the scenario can be read");
    let mut player = Player::new(path.parent().expect("it lies in a folder").to_path_buf());
    let mut transcript = String::new();
    for line in text.lines() {
        if line.starts_with("# ") {
            transcript.push_str(line);
            transcript.push('\n');
        } else if let Some(done) = line.strip_prefix("> ") {
            transcript.push_str(&format!("\n{line}\n"));
            transcript.push_str(&player.act(done));
        }
    }
    transcript
}

#[test]
fn every_scenario_ends_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("tests/scenarios is there")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "scenario"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 6, "scenarios are missing: {paths:?}");
    let update = std::env::var_os("UPDATE_SCENARIOS").is_some();
    let mut wrong = Vec::new();
    for path in paths {
        let expected = fs::read_to_string(&path).expect("the scenario can be read");
        let actual = play(&path);
        if actual != expected {
            if update {
                fs::write(&path, &actual).expect("the scenario can be written");
            } else {
                wrong.push(format!("{}:\n{}", path.display(), first_difference(&expected, &actual)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE_SCENARIOS=1 writes them anew", wrong.join("\n"));
}

fn first_difference(expected: &str, actual: &str) -> String {
    let mut pairs = expected.lines().zip(actual.lines()).enumerate();
    match pairs.find(|(_, (expected, actual))| expected != actual) {
        Some((line, (expected, actual))) => format!("line {}\n- {expected}\n+ {actual}", line + 1),
        None => format!("{} lines expected, {} came", expected.lines().count(), actual.lines().count()),
    }
}
