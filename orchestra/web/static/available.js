// Available tasks: asked for every minute while somebody looks (W-64).

import { keepFresh } from "./fresh.js";

keepFresh({ id: "available", everyMs: 60000 });
