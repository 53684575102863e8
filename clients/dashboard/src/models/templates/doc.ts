/**
 * A spec as a document and back. The document has the shape of a template file: the API's field names, enums as short
 * words, lengths of time as people write them. It is made along the descriptor, so a field that no form knows is carried
 * through unchanged.
 */
import { fromJson, toJson, ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';

import { TemplateSpecSchema, type TemplateSpec } from '../../lib/pb';

import { formatDuration, parseDuration, toJsonDuration } from './duration';
import { isDoc, type Doc, type Json } from './path';

/** What is wrong at a field. */
export interface Wrong {
  field: string;
  message: string;
}

const DURATION = 'google.protobuf.Duration';
const WHOLE: readonly ScalarType[] = [
  ScalarType.INT32,
  ScalarType.INT64,
  ScalarType.UINT32,
  ScalarType.UINT64,
  ScalarType.SINT32,
  ScalarType.SINT64,
];

export function toDoc(spec: TemplateSpec): Doc {
  const json = toJson(TemplateSpecSchema, spec, { useProtoFieldName: true });
  return isDoc(json) ? shown(TemplateSpecSchema, json) : {};
}

/** The spec of a document, or what is wrong with what was typed. Whether it makes sense is for the server. */
export function toSpec(doc: Doc): { spec: TemplateSpec; wrong: Wrong[] } {
  const wrong: Wrong[] = [];
  const json = typed(TemplateSpecSchema, doc, '', wrong);
  return { spec: fromJson(TemplateSpecSchema, json, { ignoreUnknownFields: true }), wrong };
}

/** Protobuf's JSON as a document. */
function shown(schema: DescMessage, json: Doc): Doc {
  const doc: Doc = {};
  for (const [key, value] of Object.entries(json)) {
    const field = schema.fields.find((each) => each.name === key);
    doc[key] = field ? shownField(field, value) : value;
  }
  return doc;
}

function shownField(field: DescField, value: Json): Json {
  if (Array.isArray(value)) {
    return value.map((each) => shownField(field, each));
  }
  if (field.enum && typeof value === 'string') {
    return short(field.enum.sharedPrefix, value);
  }
  if (field.message?.typeName === DURATION && typeof value === 'string') {
    return formatDuration(parseDuration(value) ?? 0n);
  }
  return field.message && isDoc(value) ? shown(field.message, value) : value;
}

/** `OPERATION_KIND_POINT_LOOKUP` as `point_lookup`. */
function short(prefix: string | undefined, name: string): string {
  return name.toLowerCase().replace(prefix ?? '', '');
}

/** A document as protobuf's JSON; what cannot be is left out and named. */
function typed(schema: DescMessage, doc: Doc, path: string, wrong: Wrong[]): Doc {
  const json: Doc = {};
  for (const [key, value] of Object.entries(doc)) {
    const field = schema.fields.find((each) => each.name === key);
    const at = path === '' ? key : `${path}.${key}`;
    const made = field ? typedField(field, value, at, wrong) : value;
    if (made !== undefined) {
      json[key] = made;
    }
  }
  return json;
}

function typedField(field: DescField, value: Json, at: string, wrong: Wrong[]): Json | undefined {
  if (field.fieldKind === 'list' && Array.isArray(value)) {
    return value.map((each, index) => typedOne(field, each, `${at}[${index}]`, wrong) ?? empty(field));
  }
  return field.fieldKind === 'map' ? value : typedOne(field, value, at, wrong);
}

/** Stands for an entry that is wrong, so that those after it keep their places. */
function empty(field: DescField): Json {
  return field.message ? {} : '';
}

function typedOne(field: DescField, value: Json, at: string, wrong: Wrong[]): Json | undefined {
  const refuse = (message: string): undefined => {
    wrong.push({ field: at, message });
    return undefined;
  };
  if (field.enum) {
    const { values, sharedPrefix } = field.enum;
    const found = values.find((each) => short(sharedPrefix, each.name) === value);
    return found?.name ?? refuse('choose one');
  }
  if (field.message?.typeName === DURATION) {
    return toJsonDuration(String(value)) ?? refuse(`"${String(value)}" is no length of time; write 250ms, 30s or 1m30s`);
  }
  if (field.message) {
    return isDoc(value) ? typed(field.message, value, at, wrong) : refuse('something else is needed here');
  }
  return scalar(field.scalar, value) ?? refuse(isWhole(field.scalar) ? 'write a whole number' : 'write a number');
}

function isWhole(type: ScalarType | undefined): boolean {
  return type !== undefined && WHOLE.includes(type);
}

function scalar(type: ScalarType | undefined, value: Json): Json | undefined {
  if (type === ScalarType.STRING || type === ScalarType.BOOL) {
    return value;
  }
  // Thousands may have been set off.
  const text = String(value).replaceAll(/[\s,_]/g, '');
  if (isWhole(type)) {
    return fits(type, text) ? text : undefined;
  }
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined;
}

function fits(type: ScalarType | undefined, text: string): boolean {
  if (!/^-?\d+$/.test(text)) {
    return false;
  }
  const value = BigInt(text);
  switch (type) {
    case ScalarType.UINT32:
      return BigInt.asUintN(32, value) === value;
    case ScalarType.UINT64:
      return BigInt.asUintN(64, value) === value;
    case ScalarType.INT32:
    case ScalarType.SINT32:
      return BigInt.asIntN(32, value) === value;
    default:
      return BigInt.asIntN(64, value) === value;
  }
}
