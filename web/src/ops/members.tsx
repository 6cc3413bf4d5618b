// Who sees the project, and who may act on it.

import { useSignal } from "@preact/signals";
import { ApiError, config, identity, isOperator, rpc } from "../api.ts";
import { date } from "../format.ts";
import { refresh, useLive } from "../live.ts";
import {
  ask,
  Badge,
  Button,
  Empty,
  ErrorNote,
  Field,
  Loading,
  Page,
  Table,
  toast,
} from "../ui.tsx";
import { OperationsNav } from "./overview.tsx";

interface Member {
  user_id: string;
  email: string | null;
  role: "operator" | "reader";
  created_at: string;
}

export function Members() {
  const { data, error } = useLive<Member[]>(
    "members",
    (signal) => rpc("list_members", {}, signal),
    0,
  );
  const email = useSignal("");
  const role = useSignal("reader");
  const wrong = useSignal<string | undefined>(undefined);
  const set = async (address: string, to: string | null) => {
    wrong.value = undefined;
    try {
      data.value = await rpc("set_member", { p_email: address, p_role: to });
      toast(
        to === null
          ? `${address} is no member any more`
          : `${address} is ${to === "operator" ? "an operator" : "a reader"}`,
      );
      email.value = "";
    } catch (thrown) {
      wrong.value = `${(thrown as ApiError).message}. ${(thrown as ApiError).hint ?? ""}`;
    }
  };
  return (
    <Page
      title="Members"
      lead="Readers see every page and job; operators also start, cancel, replay, pause and decide. Everybody else sees only their own."
    >
      <OperationsNav current="members" />
      {config.value?.mode === "local" && (
        <p class="note">
          You look at it with the project's secret key, through a server on this machine: you are an
          operator here. Members sign in on a hosted copy of this page.
        </p>
      )}
      <ErrorNote error={error.value} retry={refresh} />
      {!data.value && !error.value && <Loading />}
      {data.value && data.value.length === 0 && (
        <Empty title="No members yet">Add the first by the address they sign in with.</Empty>
      )}
      {data.value && data.value.length > 0 && (
        <Table label="Members">
          <thead>
            <tr>
              <th scope="col">Address</th>
              <th scope="col">Role</th>
              <th scope="col">Since</th>
              <th scope="col">
                <span class="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.value.map((member) => (
              <tr key={member.user_id}>
                <th scope="row">
                  {member.email ?? member.user_id}
                  {member.user_id === identity.value?.user_id && <span class="quiet">(you)</span>}
                </th>
                <td>
                  <Badge tone={member.role === "operator" ? "answered" : "aside"}>
                    {member.role}
                  </Badge>
                </td>
                <td>{date(member.created_at)}</td>
                <td>
                  {isOperator.value && member.email && (
                    <div class="actions">
                      <Button
                        kind="quiet"
                        onClick={() =>
                          set(member.email!, member.role === "operator" ? "reader" : "operator")}
                      >
                        {member.role === "operator" ? "Make a reader" : "Make an operator"}
                      </Button>
                      <Button
                        kind="quiet"
                        onClick={async () => {
                          if (
                            await ask({
                              title: `Remove ${member.email}?`,
                              text: <p>They keep their account and see only what is their own.</p>,
                              yes: "Remove",
                              danger: true,
                            })
                          ) set(member.email!, null);
                        }}
                      >
                        Remove
                      </Button>
                    </div>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
      {isOperator.value && (
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault();
            if (email.value) set(email.value, role.value);
          }}
        >
          <Field label="Address" error={wrong.value}>
            {(id, describedBy) => (
              <input
                id={id}
                type="email"
                required
                aria-describedby={describedBy}
                value={email.value}
                onInput={(event) => (email.value = event.currentTarget.value)}
              />
            )}
          </Field>
          <Field label="Role">
            {(id) => (
              <select
                id={id}
                value={role.value}
                onChange={(event) => (role.value = event.currentTarget.value)}
              >
                <option value="reader">Reader</option>
                <option value="operator">Operator</option>
              </select>
            )}
          </Field>
          <button type="submit" class="button primary">Add</button>
        </form>
      )}
    </Page>
  );
}
