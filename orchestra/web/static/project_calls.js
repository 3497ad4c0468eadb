// The calls of project management, with a login that can be mended meanwhile.

import { look as get, send } from "./api.js";
import { askToSignIn } from "./dialogs.js";

const signIn = () => askToSignIn(document.getElementById("login-dialog"));

export const call = (name, body) => send(`project_management/${name}/`, body, signIn);
export const look = (name, query) => get(`project_management/${name}/`, query, signIn);
