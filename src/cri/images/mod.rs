//! The images: one program each. Add a file, its `mod` line and its entry here.

mod alpine;
mod bash;
mod busybox;
mod curl;
mod debian;
mod http_echo;
mod httpd;
mod memcached;
mod mongo;
mod mysql;
mod nginx;
mod node;
mod pause;
mod perl;
mod postgres;
mod python;
mod rabbitmq;
mod redis;
mod server;
mod stress;
mod ubuntu;
mod well_behaved;
mod whoami;
mod zookeeper;

use std::sync::{Arc, OnceLock};

use super::files::Tree;
use super::program::{Launch, Program, Signal};
use super::shell::{Shell, System};

/// An image this room knows.
#[derive(Debug)]
pub struct Image {
    /// The name of its file here.
    pub id: &'static str,
    /// Its repositories, completed: `docker.io/library/nginx`.
    pub repositories: &'static [&'static str],
    /// The versions it has: each major with its newest minor.
    pub versions: &'static [(u32, u32)],
    /// Compressed sizes in bytes by a part of the tag; the first that the tag contains counts, and the
    /// last, with an empty part, is for all others.
    pub sizes: &'static [(&'static str, u64)],
    /// The shell in it: `sh` for ash or dash, `bash`; none in images from scratch.
    pub shell: Option<&'static str>,
    pub entrypoint: &'static [&'static str],
    pub cmd: &'static [&'static str],
    pub env: &'static [(&'static str, &'static str)],
    /// Commands that are its own program.
    pub programs: &'static [&'static str],
    /// Puts its own files in place.
    pub files: fn(&mut Tree),
    /// Its program, for a launch whose command is one of `programs`.
    pub program: fn(&Launch) -> Box<dyn Program>,
}

impl Image {
    /// The compressed size of a tag, in bytes.
    pub fn size(&self, tag: &str) -> u64 {
        self.sizes.iter().find(|(part, _)| tag.contains(part)).map_or(50_000_000, |(_, size)| *size)
    }

    /// The signal its containers are asked to stop with: `STOPSIGNAL`.
    pub fn stop_signal(&self) -> Signal {
        match self.id {
            "nginx" => Signal::Quit,
            "postgres" => Signal::Interrupt,
            _ => Signal::Terminate,
        }
    }
}

/// The images, alphabetical.
pub static IMAGES: &[&Image] = &[
    &alpine::IMAGE,
    &bash::IMAGE,
    &busybox::IMAGE,
    &curl::IMAGE,
    &debian::IMAGE,
    &http_echo::IMAGE,
    &httpd::IMAGE,
    &memcached::IMAGE,
    &mongo::IMAGE,
    &mysql::IMAGE,
    &nginx::IMAGE,
    &node::IMAGE,
    &pause::IMAGE,
    &perl::IMAGE,
    &postgres::IMAGE,
    &python::IMAGE,
    &rabbitmq::IMAGE,
    &redis::IMAGE,
    &stress::IMAGE,
    &ubuntu::IMAGE,
    &whoami::IMAGE,
    &zookeeper::IMAGE,
];

/// The image with this repository.
pub fn find(repository: &str) -> Option<&'static Image> {
    IMAGES.iter().copied().find(|image| image.repositories.contains(&repository))
}

/// The environment an image sets. nginx names its version there.
pub fn environment(image: Option<&'static Image>, reference: &str) -> Vec<(String, String)> {
    let value = |name: &str, value: &str| match name {
        "NGINX_VERSION" => nginx::version(reference),
        _ => value.to_owned(),
    };
    let env = image.map_or(&[][..], |image| image.env);
    env.iter().map(|(name, text)| ((*name).to_owned(), value(name, text))).collect()
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The whole command line of a container: `command` replaces the image's entrypoint and default
/// arguments, `args` the default arguments.
pub fn command_line(image: Option<&Image>, command: &[String], args: &[String]) -> Vec<String> {
    let (entrypoint, cmd) = image.map_or((&[][..], &[][..]), |image| (image.entrypoint, image.cmd));
    let mut line = if command.is_empty() { owned(entrypoint) } else { command.to_vec() };
    if !args.is_empty() {
        line.extend_from_slice(args);
    } else if command.is_empty() {
        line.extend(owned(cmd));
    }
    if line.is_empty() {
        line.push("/app".to_owned());
    }
    // An entrypoint script gives way to a command that is not its server.
    let gives_way = image.zip(line.get(1)).is_some_and(|(image, command)| {
        line[0].ends_with("docker-entrypoint.sh") && !image.programs.contains(&command.as_str())
    });
    if gives_way && !line[1].starts_with('-') {
        line.remove(0);
    }
    line
}

/// What a shell in this image knows; `None` where it has none.
pub fn system(image: Option<&Image>) -> Option<System> {
    match image {
        Some(image) => {
            Some(System { name: image.shell?, programs: Arc::new(image.programs.to_vec()), permissive: false })
        }
        None => Some(System { name: "sh", programs: Arc::default(), permissive: true }),
    }
}

/// The program for a launch.
///
/// # Errors
/// What the OCI runtime says of a command that is not in the image: `exec: "foo": …`.
pub fn program(image: Option<&Image>, launch: &Launch) -> Result<Box<dyn Program>, String> {
    let command = launch.argv.first().map(String::as_str).unwrap_or_default();
    let base = command.rsplit('/').next().unwrap_or(command);
    if let Some(image) = image.filter(|image| image.programs.contains(&base)) {
        return Ok((image.program)(launch));
    }
    if let Some(system) = system(image) {
        let bash = base != "bash" || system.name == "bash" || system.permissive;
        if Shell::knows(command) && bash {
            return Ok(Box::new(Shell::new(system)));
        }
        if system.permissive {
            return Ok(well_behaved::program(launch));
        }
    }
    let why = if command.contains('/') {
        format!("exec: \"{command}\": stat {command}: no such file or directory")
    } else {
        format!("exec: \"{command}\": executable file not found in $PATH")
    };
    Err(why)
}

/// The files of an image.
pub fn root(image: Option<&Image>) -> Tree {
    // Laid out once: the containers of an image share what they do not change, as they do a layer.
    static ROOTS: [OnceLock<Tree>; IMAGES.len() + 1] = [const { OnceLock::new() }; IMAGES.len() + 1];
    let index = image.and_then(|own| IMAGES.iter().position(|other| other.id == own.id)).unwrap_or(IMAGES.len());
    let lay_out = || {
        let mut tree = Tree::linux();
        if let Some(image) = image {
            (image.files)(&mut tree);
        }
        tree
    };
    ROOTS[index].get_or_init(lay_out).clone()
}

fn no_files(_: &mut Tree) {}

fn no_program(_: &Launch) -> Box<dyn Program> {
    unreachable!("an image without programs of its own is never asked for one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_owes_its_registry_something() {
        let ids: Vec<&str> = IMAGES.iter().map(|image| image.id).collect();
        assert!(ids.is_sorted(), "{ids:?}");
        for image in IMAGES {
            assert!(!image.repositories.is_empty(), "{}", image.id);
            assert!(image.repositories.iter().all(|name| name.contains('/') && !name.contains(':')), "{}", image.id);
            assert!(image.sizes.last().is_some_and(|(part, size)| part.is_empty() && *size > 100_000), "{}", image.id);
            let line = command_line(Some(image), &[], &[]);
            let base = line[0].rsplit('/').next().unwrap_or_default();
            let own = image.programs.contains(&base);
            assert!(own || (image.shell.is_some() && Shell::knows(base)), "{}: {line:?} runs", image.id);
        }
    }

    #[test]
    fn command_lines() {
        let nginx = find("docker.io/library/nginx");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(command_line(nginx, &[], &[]).join(" "), "/docker-entrypoint.sh nginx -g daemon off;");
        assert_eq!(command_line(nginx, &[], &words("sh -c x")).join(" "), "sh -c x");
        assert_eq!(command_line(nginx, &words("sleep 1"), &[]).join(" "), "sleep 1");
        assert_eq!(command_line(nginx, &words("sleep"), &words("2")).join(" "), "sleep 2");
    }
}
