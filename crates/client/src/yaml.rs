//! Template files: a `TemplateSpec` in YAML, in the shape of protobuf JSON
//! (`snake_case` or `lowerCamelCase` keys), with the template's `name` and
//! `project` beside the spec's own keys at the top level.
//!
//! There is one schema: the file is walked along the descriptor of
//! `gauntlet.v1.TemplateSpec`, so a field that the protos gain is a key that the
//! file may have. Durations are written `1m30s`; an enum's value by its own name,
//! with or without the prefix, in any case.

mod duration;
mod source;
mod walk;

use std::{collections::BTreeMap, fmt, fs, path::Path};

use gauntlet_api::v1 as pb;
use saphyr::{LoadableYamlNode as _, MarkedYaml, ScanError};

use crate::{Violation, schema};
use source::Source;
use walk::{TopLevel, Walk};

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

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file as given.
    pub file: String,
    /// Where; `None` when it concerns the whole file.
    pub place: Option<Place>,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(place) => write!(f, "{}:{place}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Counts from 1.
    pub line: usize,
    /// Counts from 1, in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
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
    file: String,
    places: BTreeMap<String, Place>,
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
        let source = Source::new(text);
        let fault = |place, message: String| {
            Error::Faulty(vec![Fault {
                file: file.to_owned(),
                place,
                message,
            }])
        };
        let documents = MarkedYaml::load_from_str(text).map_err(|error| {
            let (place, message) = scan_fault(&source, &error);
            fault(Some(place), message)
        })?;
        let [document] = documents.as_slice() else {
            let message = match documents.len() {
                0 => "the file is empty; a template needs at least a name".to_owned(),
                count => {
                    format!("the file holds {count} documents; give each template its own file")
                }
            };
            return Err(fault(None, message));
        };
        let descriptor = schema::message("TemplateSpec").expect("the schema has TemplateSpec");
        let mut walk = Walk::new(&source);
        let top = walk.top_level(document, &descriptor);
        let (faults, places) = walk.into_parts();
        match top {
            Some(TopLevel {
                name,
                project,
                spec,
            }) if faults.is_empty() => Ok(Self {
                name,
                project,
                spec: spec.transcode_to().expect("both follow the same schema"),
                file: file.to_owned(),
                places,
            }),
            _ => Err(Error::Faulty(
                faults
                    .into_iter()
                    .map(|(place, message)| Fault {
                        file: file.to_owned(),
                        place: Some(place),
                        message,
                    })
                    .collect(),
            )),
        }
    }

    /// A violation that the control plane found, with its place in the file:
    /// that of the field, or of the nearest field around it that the file gives.
    #[must_use]
    pub fn locate(&self, violation: &Violation) -> Fault {
        let field = violation
            .field
            .strip_prefix("spec.")
            .unwrap_or(&violation.field);
        let mut around = field;
        let place = loop {
            if let Some(place) = self.places.get(around) {
                break Some(*place);
            }
            match around.rfind(['.', '[']) {
                Some(end) => around = &around[..end],
                None => break None,
            }
        };
        let message = Violation {
            field: field.to_owned(),
            message: violation.message.clone(),
        };
        Fault {
            file: self.file.clone(),
            place,
            message: message.to_string(),
        }
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

fn scan_fault(source: &Source, error: &ScanError) -> (Place, String) {
    let place = source::place(error.marker());
    let message = if error.info() == "duplicated key in mapping" {
        format!(
            "the key \"{}\" is given twice",
            source.word_at(error.marker())
        )
    } else {
        format!("not YAML: {}", error.info())
    };
    (place, message)
}

#[cfg(test)]
mod tests;
