//! A text that may become a template.

use std::collections::BTreeMap;

use gauntlet_api::v1 as pb;
use saphyr::{LoadableYamlNode as _, MarkedYaml, ScanError};
use saphyr_parser::{Event, Parser};

use crate::{
    fault::{Fault, Place, Violation},
    schema::OWN_KEYS,
    source::{self, Source},
    walk::Walk,
};

/// What a text says, as far as it can be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The template's name; `None` when the text does not say.
    pub name: Option<String>,
    /// The template's project; `None` when the text does not say.
    pub project: Option<String>,
    /// What the benchmark does; `None` when it could not be read whole.
    pub spec: Option<pb::TemplateSpec>,
    /// What is wrong, in the order of the text. That a name is missing does not
    /// keep the rest from being read.
    pub faults: Vec<Fault>,
    pub(crate) file: String,
    places: BTreeMap<String, Place>,
}

impl Draft {
    /// Reads a text; `file` is its name in messages.
    #[must_use]
    pub fn read(file: &str, text: &str) -> Self {
        let mut draft = Self {
            name: None,
            project: None,
            spec: None,
            faults: Vec::new(),
            file: file.to_owned(),
            places: BTreeMap::new(),
        };
        if is_path(text) {
            let message = "this looks like a file's path: read the file and give its text";
            let start = Place { line: 1, column: 1 };
            draft.add(Some(start), "", message.to_owned());
            return draft;
        }
        let source = Source::new(text);
        match one_document(&source, text) {
            Ok(document) => draft.walk(&source, &document),
            Err((place, message)) => draft.add(place, "", message),
        }
        draft
    }

    fn walk(&mut self, source: &Source, document: &MarkedYaml<'_>) {
        let mut walk = Walk::new(source);
        let top = walk.top_level(document);
        let (faults, places) = walk.into_parts();
        self.places = places;
        for (place, field, message) in faults {
            self.add(Some(place), &field, message);
        }
        let Some(top) = top else { return };
        let is_own = |fault: &Fault| OWN_KEYS.contains(&fault.field.as_str());
        let is_whole = self.faults.iter().all(is_own);
        if top.name.is_none() && !self.places.contains_key("name") {
            let message = "name is missing: give the template a name at the top level";
            let place = source::place(&document.span.start);
            self.add(Some(place), "", message.to_owned());
            self.faults.sort_by(|one, other| {
                (one.place, &one.message).cmp(&(other.place, &other.message))
            });
        }
        self.name = top.name;
        self.project = top.project;
        if is_whole {
            let spec = top.spec.transcode_to();
            self.spec = Some(spec.expect("both follow the same schema"));
        }
    }

    fn add(&mut self, place: Option<Place>, field: &str, message: String) {
        self.faults.push(Fault {
            file: self.file.clone(),
            place,
            field: field.to_owned(),
            message,
        });
    }

    /// A violation that the control plane found, with its place in the text:
    /// that of the field, or of the nearest field around it that the text gives.
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
        Fault {
            file: self.file.clone(),
            place,
            field: field.to_owned(),
            message: violation.message.clone(),
        }
    }
}

/// Whether a text is a file's name rather than what the file says.
fn is_path(text: &str) -> bool {
    let text = text.trim();
    let ending = text.rsplit_once('.').map(|(_, ending)| ending);
    let is_named = ending.is_some_and(|ending| {
        ["yaml", "yml", "json"]
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
    });
    is_named && !text.contains('\n') && !text.contains(": ")
}

/// Nothing in the schema is half as deep. What is taken apart level by level
/// must not use up the stack.
const DEEPEST: usize = 64;

/// The document of a text that has just one; else what is wrong, and where.
fn one_document<'a>(
    source: &Source,
    text: &'a str,
) -> Result<MarkedYaml<'a>, (Option<Place>, String)> {
    if let Some(place) = too_deep(text) {
        let message = format!("no template has more than {DEEPEST} levels");
        return Err((Some(place), message));
    }
    let mut documents = MarkedYaml::load_from_str(text).map_err(|error| {
        let (place, message) = scan_fault(source, &error);
        (Some(place), message)
    })?;
    match (documents.pop(), documents.len()) {
        (Some(document), 0) => Ok(document),
        (None, _) => {
            let message = "the file is empty; a template needs at least a name";
            Err((None, message.to_owned()))
        }
        (Some(_), others) => {
            let count = others + 1;
            let message =
                format!("the file holds {count} documents; give each template its own file");
            Err((None, message))
        }
    }
}

/// Where a text goes too deep. What is not YAML is told by who reads it whole.
fn too_deep(text: &str) -> Option<Place> {
    let mut depth = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.ok()?;
        match event {
            Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
            Event::SequenceEnd | Event::MappingEnd => depth -= 1,
            _ => {}
        }
        if depth > DEEPEST {
            return Some(source::place(&span.start));
        }
    }
    None
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
