//! Parameter values, in buffers that are reused from operation to operation.

/// One statement parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// Text; also the carrier of every type that has a text form (timestamps, UUIDs, JSON).
    Text(String),
}

impl Value {
    /// Becomes the same value. A text buffer is used again for a text.
    pub(crate) fn copy(&mut self, other: &Self) {
        match other {
            Self::Text(text) => self.text_buffer().push_str(text),
            other => self.clone_from(other),
        }
    }

    /// The text buffer of this value, emptied; the value becomes text if it was not.
    pub(crate) fn text_buffer(&mut self) -> &mut String {
        if !matches!(self, Self::Text(_)) {
            *self = Self::Text(String::new());
        }
        let Self::Text(buffer) = self else {
            unreachable!("the line above made it text")
        };
        buffer.clear();
        buffer
    }
}
