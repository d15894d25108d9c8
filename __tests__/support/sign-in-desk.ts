import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Provider } from 'oidc-provider'

export interface SignInDesk {
  /** Who signs in from now on. */
  readonly signIn: (accountId: string) => void
  /** From now on people refuse to sign in. */
  readonly deny: () => void
}

/** Answers the provider's questions to the person: who are you, and may this app know. */
export function createSignInDesk(
  provider: Provider,
  style: 'redirect' | 'page',
): SignInDesk & { listener: RequestListener } {
  let account: string | undefined = 'alice'
  const handle = provider.callback()

  async function answerPrompt(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (account === undefined) {
      await provider.interactionFinished(request, response, {
        error: 'access_denied',
        error_description: 'The person said <b>no</b>.',
      })
      return
    }
    const { prompt, params, session, grantId } = await provider.interactionDetails(
      request,
      response,
    )
    if (prompt.name === 'login') {
      await provider.interactionFinished(request, response, { login: { accountId: account } })
      return
    }
    const grant =
      (grantId ? await provider.Grant.find(grantId) : undefined) ??
      new provider.Grant({
        accountId: session?.accountId ?? account,
        clientId: String(params['client_id']),
      })
    grant.addOIDCScope(String(params['scope']))
    await provider.interactionFinished(
      request,
      response,
      { consent: { grantId: await grant.save() } },
      { mergeWithLastSubmission: true },
    )
  }

  return {
    signIn(accountId) {
      account = accountId
    },
    deny() {
      account = undefined
    },
    listener(request, response) {
      if (!request.url?.startsWith('/sign-in/')) {
        void handle(request, response)
        return
      }
      if (style === 'page' && request.method === 'GET') {
        response.setHeader('content-type', 'text/html; charset=utf-8')
        response.end(
          '<!doctype html><body onload="document.forms[0].submit()"><form method="post"></form>',
        )
        return
      }
      answerPrompt(request, response).catch((error: unknown) => {
        response.statusCode = 500
        response.end(String(error))
      })
    },
  }
}
