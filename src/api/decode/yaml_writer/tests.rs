use std::path::Path;

use serde_json::{Value, json};

use super::write;

/// `strings.yaml` is what kubectl v1.32.4 printed for the strings of `strings.json`
/// (`kubectl create configmap x --from-file=… --dry-run=client -o yaml`).
#[test]
fn strings_are_written_as_kubectl_writes_them() {
    let value: Value = serde_json::from_str(include_str!("strings.json")).expect("valid JSON");
    let expected = include_str!("strings.yaml");
    let written = write(&value);
    for (line, (written, expected)) in written.lines().zip(expected.lines()).enumerate() {
        assert_eq!(written, expected, "line {}", line + 1);
    }
    assert_eq!(written, expected);
}

#[test]
fn what_kubectl_printed_is_printed_again() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = ["../shared/corpus", "../../shared/corpus"]
        .iter()
        .map(|path| root.join(path))
        .find(|path| path.exists())
        .expect("the corpus lies beside the repository, in ../shared or ../../shared");
    let mut checked = 0;
    for file in ["dry-run-output.json", "messages-modify.json"] {
        let text = std::fs::read_to_string(corpus.join("kubectl").join(file)).expect("the file is in the corpus");
        let cases: Value = serde_json::from_str(&text).expect("valid JSON");
        for case in cases["cases"].as_array().expect("cases") {
            let (Some(command), Some(printed)) = (case["command"].as_str(), case["stdout"].as_str()) else { continue };
            if !command.contains("-o yaml") || printed.is_empty() {
                continue;
            }
            let document = super::super::yaml_reader::read(printed.as_bytes()).expect(command);
            assert_eq!(write(&document.value), printed, "{command}");
            checked += 1;
        }
    }
    assert_eq!(checked, 11);
}

#[test]
fn collections_nest_as_in_go_yaml() {
    let value = json!({
        "args": [], "env": {}, "lists": [["a", "b"], [], [{"x": 1}]], "z": null,
        "list": [{"name": "c", "ports": [{"containerPort": 80}], "text": "a\nb\n", "z": 1.5}, "plain", {}],
    });
    assert_eq!(
        write(&value),
        "args: []
env: {}
list:
- name: c
  ports:
  - containerPort: 80
  text: |
    a
    b
  z: 1.5
- plain
- {}
lists:
- - a
  - b
- []
- - x: 1
z: null
"
    );
    assert_eq!(write(&json!([1, [2]])), "- 1\n- - 2\n");
    assert_eq!(write(&json!({})), "{}\n");
}
