//! What looks at statements from inside.

mod plans;
