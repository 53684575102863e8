//! The drivers against real databases: embedded files, and a private PostgreSQL on loopback.

mod evidence;
mod facts;
mod postgres;
mod sqlite;
mod stall;
mod support;
mod tls;
