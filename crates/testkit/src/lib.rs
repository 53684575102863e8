//! What tests need from outside their own process: private database servers that clean up after themselves.
//! A dev-dependency only; nothing that ships depends on it.

pub mod postgres;
