//! Completion of a line at the prompt.
//!
//! Mirrors what cobra's completion and k8s.io/kubectl/pkg/util/completion offer: verbs, flags, kinds, names.
//! Everything comes from the verbs' own tables; names are asked of the caller.

use crate::api::{KINDS, KindInfo};
use crate::sim::Order;

use super::flags::{Flag, GLOBAL, Takes};
use super::verbs::{VERBS, Verb, find, verb_place};

/// What fits at the end of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// Where the word begins that the options replace, in bytes.
    pub from: usize,
    /// Whole words, in order.
    pub options: Vec<String>,
}

impl Completion {
    /// As far as all options agree.
    pub fn agreed(&self) -> &str {
        let Some(first) = self.options.first() else { return "" };
        let mut end = first.len();
        for option in &self.options {
            while !option.starts_with(&first[..end]) {
                end -= 1;
                while !first.is_char_boundary(end) {
                    end -= 1;
                }
            }
        }
        &first[..end]
    }
}

/// The names of a kind's objects in a namespace; an empty one means all.
pub type Names<'a> = &'a dyn Fn(&KindInfo, &str) -> Vec<String>;

/// What may stand in place of the last word of `line`.
pub fn complete(line: &str, names: Names<'_>) -> Completion {
    let from = line.rfind(char::is_whitespace).map_or(0, |at| at + line[at..].chars().next().map_or(1, char::len_utf8));
    let word = &line[from..];
    let mut words: Vec<String> = line[..from].split_whitespace().map(str::to_owned).collect();
    let bare = words.is_empty();
    if words.first().is_some_and(|first| first == "kubectl") {
        words.remove(0);
    }
    let mut options = candidates(&mut words, word, names);
    if bare {
        options.push("kubectl".to_owned());
    }
    options.retain(|option| option.starts_with(word));
    options.order();
    options.dedup();
    Completion { from, options }
}

fn candidates(words: &mut Vec<String>, word: &str, names: Names<'_>) -> Vec<String> {
    let Some(place) = verb_place(words, &[]) else {
        return match value_of(words.last(), word, &[], names) {
            Some(values) => values,
            None if word.starts_with('-') => flags(&[]),
            None => VERBS.iter().map(|verb| verb.name.to_owned()).collect(),
        };
    };
    let name = words.remove(place);
    let Some(mut verb) = find(VERBS, &name) else { return Vec::new() };
    while !verb.verbs.is_empty() {
        let found = verb_place(words, verb.flags).and_then(|at| Some((at, find(verb.verbs, &words[at])?)));
        let Some((at, inner)) = found else { break };
        words.remove(at);
        verb = inner;
    }
    if let Some(values) = value_of(words.last(), word, verb.flags, names) {
        return values;
    }
    if word.starts_with('-') {
        return flags(verb.flags);
    }
    if !verb.verbs.is_empty() {
        return verb.verbs.iter().map(|inner| inner.name.to_owned()).collect();
    }
    arguments(verb, words, word, names)
}

/// The flags of a verb, those that need a value with the equals sign.
fn flags(tables: &[&[Flag]]) -> Vec<String> {
    let all = tables.iter().flat_map(|table| table.iter()).chain(GLOBAL);
    all.map(|flag| match flag.takes {
        Takes::Bool | Takes::Optional(_) => format!("--{}", flag.long),
        _ => format!("--{}=", flag.long),
    })
    .collect()
}

fn known<'f>(word: &str, tables: &'f [&'f [Flag]]) -> Option<&'f Flag> {
    let mut all = tables.iter().flat_map(|table| table.iter()).chain(GLOBAL);
    match word.strip_prefix("--") {
        Some(long) => all.find(|flag| flag.long == long),
        None => all.find(|flag| word.len() == 2 && word.starts_with('-') && flag.short == word.chars().nth(1)),
    }
}

/// The values of the flag that `word` belongs to; `None` where it belongs to none.
fn value_of(before: Option<&String>, word: &str, tables: &[&[Flag]], names: Names<'_>) -> Option<Vec<String>> {
    if let Some((name, _)) = word.split_once('=').filter(|(name, _)| name.starts_with("--")) {
        let flag = known(name, tables)?;
        return Some(values(flag, names).into_iter().map(|value| format!("{name}={value}")).collect());
    }
    let flag = known(before?, tables)?;
    let takes = !matches!(flag.takes, Takes::Bool | Takes::Optional(_));
    takes.then(|| values(flag, names))
}

fn values(flag: &Flag, names: Names<'_>) -> Vec<String> {
    let words: &[&str] = match flag.long {
        "namespace" => return of_kind("Namespace", "", names),
        "output" => &["json", "yaml", "name", "wide", "jsonpath=", "custom-columns="],
        "filename" => &["-"],
        "for" => &["condition=", "create", "delete", "jsonpath="],
        "dry-run" => &["client", "none", "server"],
        "cascade" => &["background", "foreground", "orphan"],
        "validate" => &["ignore", "strict", "warn"],
        "type" => &["json", "merge", "strategic"],
        "restart" => &["Always", "Never", "OnFailure"],
        _ => &[],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn of_kind(kind: &str, namespace: &str, names: Names<'_>) -> Vec<String> {
    KINDS.iter().find(|info| info.kind == kind).map_or_else(Vec::new, |info| names(info, namespace))
}

/// Kinds and names, as the verb's usage line asks for them.
fn arguments(verb: &Verb, words: &[String], word: &str, names: Names<'_>) -> Vec<String> {
    let namespace = namespace(words);
    let mut given: Vec<&str> = Vec::new();
    let mut skip = false;
    for word in words {
        if skip {
            skip = false;
        } else if word.starts_with('-') && word != "-" {
            skip = !word.contains('=')
                && known(word, verb.flags).is_some_and(|flag| !matches!(flag.takes, Takes::Bool | Takes::Optional(_)));
        } else {
            given.push(word);
        }
    }
    let usage = verb.usage;
    if let Some((kind, _)) = word.split_once('/') {
        let Some(info) = called(kind) else { return Vec::new() };
        return names(info, place(info, &namespace)).into_iter().map(|name| format!("{kind}/{name}")).collect();
    }
    if matches!(verb.name, "cordon" | "uncordon" | "drain") {
        return of_kind("Node", "", names);
    }
    if verb.name == "logs" {
        return if given.is_empty() { of_kind("Pod", &namespace, names) } else { Vec::new() };
    }
    let takes_type = ["TYPE", "RESOURCE", "NODE NAME", "resource.group"].iter().any(|part| usage.contains(part));
    // `events --for TYPE/NAME` has its type in a flag.
    if !takes_type || verb.name == "events" {
        return Vec::new();
    }
    match given.as_slice() {
        [] => kinds(word),
        [kind, ..] if kind.contains('/') => Vec::new(),
        [kind, rest @ ..] => called(kind).map_or_else(Vec::new, |info| {
            let mut found = names(info, place(info, &namespace));
            found.retain(|name| !rest.contains(&name.as_str()));
            found
        }),
    }
}

fn place<'n>(info: &KindInfo, namespace: &'n str) -> &'n str {
    if info.namespaced() { namespace } else { "" }
}

/// The namespace that the line chose.
fn namespace(words: &[String]) -> String {
    let mut chosen = "default";
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-A" | "--all-namespaces" => chosen = "",
            "-n" | "--namespace" => chosen = words.next().map_or(chosen, String::as_str),
            other => {
                let value = other.strip_prefix("--namespace=").or_else(|| other.strip_prefix("-n="));
                chosen = value.unwrap_or(chosen);
            }
        }
    }
    chosen.to_owned()
}

/// The kinds that begin with `word`: by their plural, or else by any name they have.
fn kinds(word: &str) -> Vec<String> {
    let listed = || KINDS.iter().filter(|info| info.verbs.contains(&"list"));
    let plurals: Vec<String> =
        listed().map(|info| info.plural.to_owned()).filter(|plural| plural.starts_with(word)).collect();
    if plurals.is_empty() || called(word).is_some() {
        let shorts = listed().flat_map(|info| info.short_names.iter().copied().chain([info.singular]));
        let exact = !plurals.is_empty();
        // A word that is a name already stays one.
        return shorts
            .filter(|name| if exact { *name == word } else { name.starts_with(word) })
            .map(str::to_owned)
            .chain(plurals.into_iter().filter(|plural| !exact || plural == word))
            .collect();
    }
    plurals
}

fn called(name: &str) -> Option<&'static KindInfo> {
    let plain = name.split('.').next().unwrap_or(name);
    KINDS
        .iter()
        .copied()
        .find(|info| info.plural == plain || info.singular == plain || info.short_names.contains(&plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(info: &KindInfo, namespace: &str) -> Vec<String> {
        let all: &[&str] = match (info.kind, namespace) {
            ("Pod", "default") => &["web-1", "web-2", "<b>"],
            ("Pod", "kube-system") => &["coredns"],
            ("Deployment", "default") => &["web"],
            ("Namespace", "") => &["default", "kube-system"],
            ("Node", "") => &["node-a", "node-b"],
            _ => &[],
        };
        all.iter().map(|name| (*name).to_owned()).collect()
    }

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        let found = complete(line, &names);
        assert_eq!(found.options, expected, "{line:?}");
        assert!(found.options.iter().all(|option| option.starts_with(&line[found.from..])), "{line:?}");
    }

    #[test]
    fn lines_are_completed() {
        check("ku", &["kubectl"]);
        check("kubectl des", &["describe"]);
        check("kubectl rollout u", &["undo"]);
        check("kubectl get dep", &["deployments"]);
        check("kubectl get deploy", &["deploy"]);
        check("kubectl get cm", &["cm"]);
        check("kubectl get pods w", &["web-1", "web-2"]);
        check("kubectl get po web-1 ", &["<b>", "web-2"]);
        check("get pod/web", &["pod/web-1", "pod/web-2"]);
        check("kubectl get pods -n kube-system ", &["coredns"]);
        check("kubectl -n kube-system get pods ", &["coredns"]);
        check("kubectl get pods --namespace=k", &["--namespace=kube-system"]);
        check("kubectl get pods -n ", &["default", "kube-system"]);
        check("kubectl get pods -o y", &["yaml"]);
        check("kubectl get pods --show-l", &["--show-labels"]);
        check("kubectl scale deployment web --repl", &["--replicas="]);
        check("kubectl logs web-", &["web-1", "web-2"]);
        check("kubectl drain node-", &["node-a", "node-b"]);
        check("kubectl set image deployment/w", &["deployment/web"]);
        check("kubectl apply -f ", &["-"]);
        check("kubectl delete pods web-1 web-", &["web-2"]);
        check("kubectl nonsense x", &[]);
        check("kubectl get pods --replicas=", &[]);
        check("kubectl get ünknown/", &[]);
        check("kubectl\u{3000}des", &["describe"]);
    }

    #[test]
    fn options_agree_as_far_as_they_do() {
        let completion = complete("kubectl get pods w", &names);
        assert_eq!((completion.agreed(), completion.from), ("web-", 17));
        assert_eq!(Completion { from: 0, options: vec!["ä1".to_owned(), "ö".to_owned()] }.agreed(), "");
        assert_eq!(Completion::default().agreed(), "");
    }

    #[test]
    fn every_verb_can_be_completed_after() {
        for verb in VERBS {
            let found = complete(&format!("kubectl {} --", verb.name), &names);
            assert!(found.options.iter().any(|option| option == "--namespace="), "{}", verb.name);
            let _ = complete(&format!("kubectl {} ", verb.name), &names);
        }
    }
}
