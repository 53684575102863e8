// Package gauntlet speaks with a gauntlet control plane: it starts runs from
// templates, follows them through broken connections, and reads their reports.
// The generated messages are in gen/gauntlet/v1.
package gauntlet

// Version is this client's; a control plane of the same minor version knows all
// that it asks for.
const Version = "0.1.0"
