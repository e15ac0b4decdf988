// Node 18 keeps the crypto of browsers out of its globals.
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto;
