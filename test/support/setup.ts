// Loaded before every test file; see harness.ts for what is checked after every test.
import "./harness.ts";
