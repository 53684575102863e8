/** This client's version; a control plane of the same minor version knows all that it asks for. */
export const VERSION = '0.1.0';
