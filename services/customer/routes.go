package main

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"moim.dev/moim/services/internal/app"
)

// routes is all that customer serves.
func (s *service) routes(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "get-my-customer-record", Method: http.MethodGet, Path: "/api/customer/me", Tags: []string{"customers"}, Security: app.Bearer,
		Summary: "Get my customer record", Description: "With the balance, which starts at 0 and is never negative.",
		Errors: []int{401, 404, 503},
	}, s.mine)
	huma.Register(api, huma.Operation{
		OperationID: "list-my-transactions", Method: http.MethodGet, Path: "/api/customer/me/transactions", Tags: []string{"transactions"}, Security: app.Bearer,
		Summary: "List my transactions", Description: "What was booked on my balance, latest first.",
		Errors: []int{401, 422, 503},
	}, s.transactions)
	huma.Register(api, huma.Operation{
		OperationID: "create-transaction", Method: http.MethodPost, Path: "/api/customer/customers/{userId}/transactions",
		Tags: []string{"transactions"}, Security: app.Admin,
		Summary: "Change a customer's balance",
		Description: "For administrators. An event is booked once: the same eventId again answers the same transaction and changes nothing, " +
			"and with other content it is a conflict. What would make the balance negative is refused with code insufficient_balance.",
		DefaultStatus: http.StatusCreated,
		Errors:        []int{401, 403, 404, 409, 422, 503},
	}, s.book)
}
