//! A file that is a template.

use std::{fs, path::Path};

use gauntlet_api::v1 as pb;

use crate::{Draft, Fault, Violation};

/// No template comes near; a file above it was given by mistake.
const LARGEST_FILE: u64 = 4 << 20;

/// Why a file is not a template.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {file}: {reason}")]
    Unreadable {
        /// The file as given.
        file: String,
        /// What the system says.
        reason: String,
    },
    /// The file's content is not a template.
    #[error("{}", lines(.0))]
    Faulty(Vec<Fault>),
}

fn lines(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
    lines.join("\n")
}

/// A template as read from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateFile {
    /// The template's name.
    pub name: String,
    /// The template's project; `None` when the file does not say.
    pub project: Option<String>,
    /// What the benchmark does.
    pub spec: pb::TemplateSpec,
    /// The file as it was written, comments and all.
    pub text: String,
    draft: Draft,
}

impl TemplateFile {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = path.display().to_string();
        let unreadable = |reason: String| Error::Unreadable {
            file: file.clone(),
            reason,
        };
        let size = fs::metadata(path).map_err(|error| unreadable(plain(&error)))?;
        if size.is_dir() {
            return Err(unreadable("it is a folder".to_owned()));
        }
        if size.len() > LARGEST_FILE {
            return Err(unreadable("it is larger than any template".to_owned()));
        }
        let text = fs::read_to_string(path).map_err(|error| unreadable(plain(&error)))?;
        Self::parse(&file, &text)
    }

    /// Parses the text of a file; `file` is its name in messages.
    pub fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let mut draft = Draft::read(file, text);
        match (draft.name.take(), draft.spec.take()) {
            (Some(name), Some(spec)) if draft.faults.is_empty() => Ok(Self {
                name,
                project: draft.project.take(),
                spec,
                text: text.to_owned(),
                draft,
            }),
            _ => Err(Error::Faulty(draft.faults)),
        }
    }

    /// The text, as long as it says what the fields do: who has changed one of
    /// them has a template that no file says.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        let read = Draft::read("", &self.text);
        let says = read.name.as_ref() == Some(&self.name)
            && read.project == self.project
            && read.spec.as_ref() == Some(&self.spec);
        says.then_some(&self.text)
    }

    /// A violation that the control plane found, with its place in the file.
    #[must_use]
    pub fn locate(&self, violation: &Violation) -> Fault {
        self.draft.locate(violation)
    }
}

/// The system's words without the number that follows them.
fn plain(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "you may not read it".to_owned(),
        ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}
