//! From a row of kubectl's output to the object it is about: `deployment.apps/web created`, a line of
//! `kubectl get`, of `kubectl events`.

use std::sync::Arc;

use crate::api::{KINDS, Kind, ObjectKey};

/// The kind a word on the command line or before a slash names: `pod`, `po`, `deployment.apps`.
pub fn kind_of(word: &str) -> Option<Kind> {
    let word = word.to_lowercase();
    let (word, group) = word.split_once('.').map_or((&*word, None), |(word, group)| (word, Some(group)));
    let named = |info: &&&crate::api::KindInfo| {
        (info.plural == word || info.singular == word || info.short_names.contains(&word))
            && group.is_none_or(|group| info.group == group)
    };
    KINDS.iter().find(named).map(|info| info.stored_as)
}

/// The object a row is about, given the line and everything that was printed.
pub fn object_of(line: &str, output: &[(bool, Arc<str>)], row: &str) -> Option<(Kind, ObjectKey)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let flag = |names: &[&str]| {
        words.windows(2).find(|pair| names.contains(&pair[0])).map(|pair| pair[1]).or_else(|| {
            words.iter().find_map(|word| names.iter().find_map(|name| word.strip_prefix(name)?.strip_prefix('=')))
        })
    };
    let namespace = flag(&["-n", "--namespace"]).unwrap_or("default");
    let cells: Vec<&str> = row.split_whitespace().collect();
    let first = *cells.first()?;
    // `pod/web-x`, `deployment.apps/web created`: kind and name say it themselves.
    let own = |cell: &str| {
        let (kind, name) = cell.split_once('/')?;
        Some((kind_of(kind)?, name.to_owned()))
    };
    let key = |kind: Kind, namespace: &str, name: &str| {
        let namespace = if kind.info().namespaced() { namespace } else { "" };
        (kind, ObjectKey::new(namespace, name))
    };
    if let Some((kind, name)) = own(first) {
        return Some(key(kind, namespace, &name));
    }
    // `pod "web-x" deleted from default namespace`
    if let Some(name) = cells.get(1).and_then(|cell| cell.strip_prefix('"')?.strip_suffix('"')) {
        return Some(key(kind_of(first)?, namespace, name));
    }
    let header = header_over(output, row)?;
    let column = |name: &str| header.iter().position(|cell| *cell == name).and_then(|index| cells.get(index)).copied();
    let namespace = column("NAMESPACE").unwrap_or(namespace);
    // A line of events tells of another object.
    if let Some((kind, name)) = column("OBJECT").and_then(own) {
        return Some(key(kind, namespace, &name));
    }
    let name = column("NAME")?;
    if let Some((kind, name)) = own(name) {
        return Some(key(kind, namespace, &name));
    }
    let verb = words.iter().position(|word| matches!(*word, "get" | "events" | "top"))?;
    let kind = words[verb + 1..].iter().find(|word| !word.starts_with('-')).and_then(|word| {
        let word = word.split(['/', ',']).next().unwrap_or(word);
        kind_of(word)
    })?;
    Some(key(kind, namespace, name))
}

/// The header that stands over a row, as its cells.
fn header_over(output: &[(bool, Arc<str>)], row: &str) -> Option<Vec<String>> {
    let mut header = None;
    for (_, text) in output {
        for line in text.lines() {
            let shouts = line.chars().any(|c| c.is_ascii_uppercase()) && !line.chars().any(|c| c.is_ascii_lowercase());
            if shouts && (line.contains("NAME") || line.contains("OBJECT")) {
                header = Some(line);
            }
            if line == row && header != Some(line) {
                return header.map(|header| header.split_whitespace().map(ToOwned::to_owned).collect());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, output: &str, row: &str, expected: Option<(Kind, &str)>) {
        let output = [(false, Arc::from(output))];
        let found = object_of(line, &output, row).map(|(kind, key)| (kind, key.to_string()));
        assert_eq!(found, expected.map(|(kind, key)| (kind, key.to_owned())));
    }

    #[test]
    fn rows_name_their_objects() {
        check("kubectl apply -f -", "", "deployment.apps/web created", Some((Kind::Deployment, "default/web")));
        check("kubectl delete pod a", "", "pod \"a\" deleted from default namespace", Some((Kind::Pod, "default/a")));
        let pods = "NAME   READY   STATUS\nweb-a  1/1     Running\n";
        check("kubectl get pods -n shop", pods, "web-a  1/1     Running", Some((Kind::Pod, "shop/web-a")));
        check("kubectl get po", pods, "NAME   READY   STATUS", None);
        let all = "NAMESPACE   NAME   READY\nshop        web    1/1\n";
        check("kubectl get deploy -A", all, "shop        web    1/1", Some((Kind::Deployment, "shop/web")));
        let nodes = "NAME     STATUS\nnode-a   Ready\n";
        check("kubectl get nodes", nodes, "node-a   Ready", Some((Kind::Node, "node-a")));
        let events = "LAST SEEN   TYPE     REASON      OBJECT      MESSAGE\n2s          Normal   Scheduled   pod/web-a   Bound\n";
        check("kubectl events", events, "2s          Normal   Scheduled   pod/web-a   Bound", None);
        check("kubectl logs web-a", "GET / 200\n", "GET / 200", None);
    }
}
